-- From the book to Typst: the parts that Pandoc's writer has no word for become calls of the
-- functions that book.typ defines.
package.path = pandoc.path.directory(PANDOC_SCRIPT_FILE) .. '/lua/?.lua;' .. package.path

local report = require 'report'
local spoken = require 'spoken'
local visible = require 'visible'

local TEXT_WIDTH = 14.6 / 2.54 -- inches, as in book.typ
local PIXELS_PER_INCH = 200 -- of the stored figures: matplotlib's 100, doubled for sharp screens

-- The divs that only need a function of their name around them.
local PLAIN_CALLS = { proof = true, remark = true, ['cell-checks'] = true, ['cell-output'] = true }

local function raw(text) return pandoc.RawInline('typst', text) end

-- #name("kind", [inlines], …)[blocks] <id>
local function call(name, arguments, blocks, id)
  local head = pandoc.Inlines { raw('#' .. name .. '(') }
  for _, argument in ipairs(arguments) do
    if type(argument) == 'string' then
      head:insert(raw('"' .. argument .. '", '))
    else
      head:insert(raw '[')
      head:extend(argument)
      head:insert(raw '], ')
    end
  end
  head:insert(raw ')[')
  local out = pandoc.Blocks { pandoc.Plain(head) }
  out:extend(blocks)
  out:insert(pandoc.RawBlock('typst', id and id ~= '' and '] <' .. id .. '>' or ']'))
  return out
end

local function take_head(div)
  return div.content:remove(1).content[1].content
end

-- Pandoc writes delimiters of a fixed size as scaled characters, which lose their spacing and their
-- exponents, lone bars as relations, and some spaces in whole ems. Typst itself sizes pairs well, but
-- only within one cell of an array.
local function pairs_of_delimiters(cell)
  local text, left = cell:gsub('\\[bB]igg?l%f[%A]%s*', '\\left ')
  local _, right = cell:gsub('\\[bB]igg?r%f[%A]', '')
  if left ~= right then return cell end
  return (text:gsub('\\[bB]igg?r%f[%A]%s*', '\\right ')
    :gsub('\\left%s*\\lvert%f[%A]', '\\lvert')
    :gsub('\\right%s*\\rvert%f[%A]', '\\rvert')
    :gsub('\\lvert%f[%A]', '\\left|')
    :gsub('\\rvert%f[%A]', '\\right|'))
end

local function typst_math(text)
  return (text:gsub('\n', ' ')
    :gsub('\\\\', '\\\\\n')
    :gsub('\\!', '')
    :gsub('\\;', '\\:')
    :gsub('[^&\n]+', pairs_of_delimiters))
end

local function quoted(text) return (text:gsub('\\', '\\\\'):gsub('"', '\\"')) end

local words -- TeX → what a screen reader says, for the document in hand

local elements = {
  Math = function(math)
    local said = raw('#[#set math.equation(alt: "' .. quoted(words[math.text]) .. '");')
    math.text = typst_math(math.text)
    return { said, math, raw ']' }
  end,
  Span = function(span)
    if span.classes:includes('statement-label') then return pandoc.Strong(span.content) end
    if span.classes:includes('statement-title') then
      return pandoc.Inlines { pandoc.Str '(' } .. span.content .. { pandoc.Str ')' }
    end
    if not span.classes:includes('equation') then return end
    local said, math = table.unpack(span.content[1].content)
    local number = span.content[2]
    if not number then return span.content[1].content end
    return {
      said,
      raw('#set math.equation(numbering: _ => [' .. pandoc.utils.stringify(number) .. ']);'),
      math,
      raw(' <' .. span.identifier .. '>]'),
    }
  end,
  Div = function(div)
    local class = div.classes[1]
    if class == 'statement' then
      local head, checks = take_head(div), pandoc.Inlines {}
      for index = #head, 1, -1 do
        if head[index].t == 'Link' then
          checks:insert(1, head:remove(index))
          checks:insert(1, pandoc.Space())
        end
      end
      return call('statement', { div.classes[2], head, checks }, div.content, div.identifier)
    elseif class == 'callout' then
      local head = take_head(div)
      return call('callout', { div.classes[2], head }, div.content, div.identifier)
    elseif class == 'explorer-html' then
      return {}
    elseif PLAIN_CALLS[class] then
      return call(class, {}, div.content)
    end
  end,
  -- On paper a list names the page as well.
  Link = function(link)
    if not link.classes:includes('listed') then return end
    local place = link.target:gsub('^#', '<') .. '>'
    return { link, raw('#box(width: 1fr)[] #context counter(page).at(' .. place .. ').first()') }
  end,
  -- Without a language: colours are lost on paper, and finding them takes half of Typst's time.
  CodeBlock = function(code)
    code.classes = {}
    return code
  end,
  Image = function(image)
    local _, data = pandoc.mediabag.fetch(image.src)
    local inches = pandoc.image.size(data).width / PIXELS_PER_INCH
    local width = math.min(100, math.floor(100 * inches / TEXT_WIDTH))
    -- written out, because Pandoc would leave out the words
    return raw('#image("' .. image.src .. '", width: ' .. width .. '%, alt: "'
      .. quoted(pandoc.utils.stringify(image.caption)) .. '")')
  end,
}

local function contents(blocks)
  for index, block in ipairs(blocks) do
    if block.t == 'Header' and block.level == 2 then
      blocks:insert(index, pandoc.RawBlock('typst', '#contents'))
      return
    end
  end
end

function Pandoc(doc)
  words = spoken(doc)
  doc = doc:walk(visible):walk(elements)
  report.stop()
  contents(doc.blocks)
  return doc
end
