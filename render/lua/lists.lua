-- The lists at the end of the book: every statement and every figure, by section.
local kinds = require 'kinds'

local lists = {}

-- What names a figure: its caption up to the end of the first sentence.
local function first_sentence(inlines)
  local out = pandoc.Inlines {}
  for index, inline in ipairs(inlines) do
    local following = inlines[index + 1]
    if inline.t == 'Str' and inline.text:match('%.$') and following and following.t ~= 'Str' then
      local rest = inline.text:gsub('%.$', '')
      if rest ~= '' then out:insert(pandoc.Str(rest)) end
      return out
    end
    out:insert(inline)
  end
  return out
end

local function entry(inlines, id)
  return { pandoc.Plain { pandoc.Link(inlines, '#' .. id, '', { class = 'listed' }) } }
end

-- The names in one cell, in reading order: statements and figures.
local function names(blocks)
  local statements, figures = {}, {}
  blocks:walk {
    traverse = 'topdown',
    Div = function(div)
      local kind = kinds.of(div.identifier)
      if not kinds.statements[kind] or kind == 'exr' then return end
      local words = div.content[1].content[1].content:filter(function(inline) return inline.t ~= 'Link' end)
      while #words > 0 and words[#words].t == 'Space' do words:remove() end
      table.insert(statements, entry(words, div.identifier))
    end,
    Figure = function(figure)
      local words = first_sentence(pandoc.utils.blocks_to_inlines(figure.caption.long))
      table.insert(figures, entry(words, figure.identifier))
    end,
  }
  return statements, figures
end

local function section(title, entries)
  if #entries == 0 then return {} end
  return { pandoc.Para { pandoc.Strong(title) }, pandoc.BulletList(entries) }
end

--- The blocks of the two lists, for all units.
function lists.of(units)
  local sections = {}
  for _, unit in ipairs(units) do
    local head = unit.blocks[1]
    if head and head.t == 'Header' and head.level <= 2 then
      table.insert(sections, { title = head.content, statements = {}, figures = {} })
    end
    local statements, figures = names(unit.blocks)
    for _, statement in ipairs(statements) do table.insert(sections[#sections].statements, statement) end
    for _, figure in ipairs(figures) do table.insert(sections[#sections].figures, figure) end
  end
  local function heading(level, words, id)
    return pandoc.Header(level, words, pandoc.Attr(id, { 'unnumbered' }))
  end
  local out = pandoc.Blocks { heading(2, 'Statements and figures', 'lists') }
  out:insert(heading(3, 'Statements', 'list-of-statements'))
  for _, one in ipairs(sections) do out:extend(section(one.title, one.statements)) end
  out:insert(heading(3, 'Figures', 'list-of-figures'))
  for _, one in ipairs(sections) do out:extend(section(one.title, one.figures)) end
  return out
end

return lists
