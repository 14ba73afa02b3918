-- Resolves Quarto's shortcodes `include` and `embed`: a document becomes a list of units, each a
-- run of blocks that stands in one file or in one cell, so that every later message can name it.
local report = require 'report'

local embed = {}

-- What Quarto's Markdown understands in a notebook's Markdown cells and plain CommonMark does not.
local IPYNB = 'ipynb+fenced_divs+header_attributes+citations+raw_attribute+footnotes'
  .. '+implicit_figures+bracketed_spans+link_attributes+smart+table_captions+definition_lists'
  .. '+pipe_tables+tex_math_dollars'

local function read(path, format, source)
  local file = io.open(path, 'r')
  if not file then
    report.problem(source, 'there is no file ' .. path)
    return nil
  end
  local text = file:read('a')
  file:close()
  local ok, doc = pcall(pandoc.read, text, format)
  if not ok then
    report.problem(path, 'pandoc cannot read it: ' .. tostring(doc):gsub('%s+', ' '))
    return nil
  end
  return doc
end

-- The words of a paragraph that is a shortcode and nothing else.
local function shortcode(block)
  if block.t ~= 'Para' then return nil end
  local inside = pandoc.utils.stringify(block):match('^{{<%s+(.-)%s+>}}$')
  if not inside then return nil end
  local words = {}
  for word in inside:gmatch('%S+') do table.insert(words, word) end
  return words
end

local function notebook(path, source, units)
  local doc = read(path, IPYNB, source)
  if not doc then return end
  for number, cell in ipairs(doc.blocks) do
    local place = path .. ', cell ' .. number
    cell.content:walk {
      Header = function(header)
        if header.level == 1 then
          report.problem(place, 'a heading "#" would begin a new chapter; a section begins with "##"')
        end
      end,
    }
    table.insert(units, {
      source = place,
      blocks = cell.content,
      is_code = cell.classes:includes('code'),
    })
  end
end

local function split(blocks, source, units)
  for _, block in ipairs(blocks) do
    local words = shortcode(block)
    if not words then
      table.insert(units, { source = source, blocks = pandoc.Blocks { block } })
    elseif words[1] == 'include' and #words == 2 then
      local doc = read(words[2], 'markdown', source)
      if doc then split(doc.blocks, words[2], units) end
    elseif words[1] == 'embed' and #words == 3 and words[3] == 'echo=true' then
      notebook(words[2], source, units)
    else
      report.problem(source, 'unsupported shortcode {{< ' .. table.concat(words, ' ') .. ' >}}')
    end
  end
end

--- The units of a document: `{source, blocks, is_code}` in reading order.
function embed.units(doc)
  local units = {}
  split(doc.blocks, PANDOC_STATE.input_files[1], units)
  for _, unit in ipairs(units) do
    -- Quarto knows shortcodes within a sentence; none of them has a meaning here.
    if pandoc.utils.stringify(unit.blocks):find('{{<', 1, true) then
      report.problem(unit.source, 'a shortcode has to stand in a paragraph of its own')
    end
  end
  return units
end

return embed
