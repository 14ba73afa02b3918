-- Resolves `@thm-picard` to a link with the statement's number, and makes sure that every other
-- `@key` stands in the bibliography and every entry of the bibliography is cited.
local kinds = require 'kinds'
local report = require 'report'

local refs = {}

local function link(unit, citation, labels)
  local entry = labels[citation.id]
  if not entry then
    report.problem(unit.source, 'unknown reference @' .. citation.id)
    return pandoc.Inlines {}
  end
  entry.used = true
  local text = citation.mode == 'SuppressAuthor' and entry.number or entry.text
  local out = pandoc.Inlines(citation.prefix)
  if #out > 0 then out:insert(pandoc.Space()) end
  out:insert(pandoc.Link(text, '#' .. citation.id, '', { class = 'ref' }))
  out:extend(citation.suffix)
  return out
end

local function cite(unit, labels, cited)
  return function(node)
    local out, references = pandoc.Inlines {}, 0
    for index, citation in ipairs(node.citations) do
      if kinds.of(citation.id) then
        references = references + 1
        if index > 1 then out:extend { pandoc.Str ',', pandoc.Space() } end
        out:extend(link(unit, citation, labels))
      else
        cited[citation.id] = cited[citation.id] or unit.source
      end
    end
    if references == #node.citations then return out end
    if references > 0 then
      report.problem(unit.source, 'references and citations cannot share one pair of brackets')
    end
  end
end

-- The keys of the whole bibliography.
local function known_keys(meta)
  local all = pandoc.Pandoc({}, meta)
  all.meta.nocite = pandoc.MetaInlines {
    pandoc.Cite({}, { pandoc.Citation('*', 'NormalCitation') }),
  }
  local keys = {}
  for _, entry in ipairs(pandoc.utils.references(all)) do keys[entry.id] = true end
  return keys
end

local function check_bibliography(meta, cited)
  local file = pandoc.utils.stringify(meta.bibliography)
  local ok, keys = pcall(known_keys, meta)
  if not ok then
    report.problem(file, (tostring(keys):gsub('%s+', ' ')))
    return
  end
  for key, source in pairs(cited) do
    if not keys[key] then report.problem(source, '@' .. key .. ' is not in ' .. file) end
  end
  for key in pairs(keys) do
    if not cited[key] then report.problem(file, key .. ' is cited nowhere') end
  end
end

--- Resolve all references among the units; `meta` names the bibliography.
function refs.apply(units, labels, meta)
  local cited = {}
  for _, unit in ipairs(units) do
    unit.blocks = unit.blocks:walk { Cite = cite(unit, labels, cited) }
  end
  check_bibliography(meta, cited)
  for label, entry in pairs(labels) do
    if kinds.floating[entry.kind] and not entry.used then
      report.problem(entry.source, label .. ' is numbered, but the text never refers to it')
    end
  end
end

return refs
