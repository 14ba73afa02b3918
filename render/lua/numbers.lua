-- Numbers headings, formulas, figures, tables and statements as Quarto does, each kind on its own
-- within the chapter, and keeps a register of all labels.
local kinds = require 'kinds'
local report = require 'report'

local numbers = {}

local NBSP = '\u{a0}'

-- "Theorem 35.1", or "Chapter 35" for the one heading above the sections.
local function words(kind, number)
  local name = kind == 'sec' and not number:find('.', 1, true) and 'Chapter' or kinds.names[kind]
  return name .. NBSP .. number
end

local Register = {}
Register.__index = Register

function Register:add(label, number, source)
  local kind = kinds.of(label)
  local earlier = self.labels[label]
  if earlier then
    report.problem(source, 'the label ' .. label .. ' stands already in ' .. earlier.source)
  end
  self.labels[label] = {
    kind = kind, number = number, text = words(kind, number), source = source, used = false,
  }
  return self.labels[label]
end

function Register:next(kind)
  self.counts[kind] = (self.counts[kind] or 0) + 1
  return self.chapter .. '.' .. self.counts[kind]
end

-- The heading's number from its level, e.g. 35.2.1.
function Register:heading(level)
  self.levels[level] = (self.levels[level] or (level == 1 and self.chapter - 1 or 0)) + 1
  for deeper = level + 1, #self.levels do self.levels[deeper] = nil end
  return table.concat(self.levels, '.', 1, level)
end

local function header(register, unit)
  return function(head)
    if head.level > 3 then
      report.problem(unit.source, 'headings go down to "###", a deeper one names a statement')
      return
    end
    if head.level == 2 then
      register.section = head.identifier
      -- for the links to it, see pages.py
      head.attributes.notebook = unit.source:match('^(.*%.ipynb), cell')
    elseif head.level == 3 and not head.identifier:match('^sec%-') then
      -- The reader makes ids from the words, and "Summary" stands in every section.
      head.identifier = register.section:gsub('^sec%-', '') .. '-' .. head.identifier
    end
    if head.classes:includes('unnumbered') then return head end
    local number = register:heading(head.level)
    if kinds.of(head.identifier) == 'sec' then
      register:add(head.identifier, number, unit.source)
    elseif head.level <= 2 then
      report.problem(unit.source, 'a section\'s heading needs a label, "{#sec-…}"')
    end
    head.content:insert(1, pandoc.Space())
    head.content:insert(1, pandoc.Span({ pandoc.Str(number) }, { class = 'header-section-number' }))
    return head
  end
end

-- The label behind a formula or in a table's caption arrives as text, cut at its spaces: returns it,
-- how many inlines it takes, and what is left of the last of them.
local function label_at(inlines, index, kind)
  local first = inlines[index]
  local label = first and first.t == 'Str' and first.text:match('^{#(' .. kind .. '%-[%w-]+)')
  if not label then return nil end
  for last = index, #inlines do
    local rest = inlines[last].t == 'Str' and inlines[last].text:match('}(.*)$')
    if rest then return label, last - index + 1, rest end
  end
end

local function formulas(register, unit)
  local function display(inline) return inline.t == 'Math' and inline.mathtype == 'DisplayMath' end

  return function(inlines)
    if not inlines:find_if(display) then return end
    local out, index = pandoc.Inlines {}, 1
    while index <= #inlines do
      local inline = inlines[index]
      index = index + 1
      if display(inline) then
        local after = inlines[index]
        local gap = after and (after.t == 'Space' or after.t == 'SoftBreak') and 1 or 0
        local label, length, rest = label_at(inlines, index + gap, 'eq')
        local body = pandoc.Span({ inline }, { class = 'equation-body' })
        local span = pandoc.Span({ body }, { class = 'equation' })
        if label then
          local entry = register:add(label, register:next('eq'), unit.source)
          span.identifier = label
          span.content:insert(pandoc.Span('(' .. entry.number .. ')', { class = 'equation-number' }))
          index = index + gap + length
          if rest ~= '' then inlines:insert(index, pandoc.Str(rest)) end
        end
        out:insert(span)
      else
        out:insert(inline)
      end
    end
    return out
  end
end

local function caption(entry, blocks)
  local text = pandoc.Inlines { pandoc.Str(entry.text .. ':'), pandoc.Space() }
  return { pandoc.Plain(text .. pandoc.utils.blocks_to_inlines(blocks)) }
end

local function figure(register, unit)
  return function(fig)
    local entry = kinds.of(fig.identifier) == 'fig'
      and register:add(fig.identifier, register:next('fig'), unit.source)
    if not entry then
      report.problem(unit.source, 'a figure needs a label, "{#fig-…}"')
      return
    end
    fig.caption.long = caption(entry, fig.caption.long)
    return fig
  end
end

local function table_(register, unit)
  return function(tbl)
    local text = pandoc.utils.blocks_to_inlines(tbl.caption.long)
    -- in a document Pandoc has read the label already
    local label = kinds.of(tbl.identifier) == 'tbl' and tbl.identifier
    for index = 1, #text do
      local found, length = label_at(text, index, 'tbl')
      if found then
        label = found
        for _ = 1, length do text:remove(index) end
        if index > 1 then text:remove(index - 1) end
        break
      end
    end
    if not label then return end
    tbl.identifier = label
    local entry = register:add(label, register:next('tbl'), unit.source)
    tbl.caption.long = caption(entry, { pandoc.Plain(text) })
    return tbl
  end
end

local function statement(register, unit)
  return function(div)
    local kind = kinds.of(div.identifier)
    if not kinds.statements[kind] then return end
    local entry = register:add(div.identifier, register:next(kind), unit.source)
    div.content[1].content[1].content[1].content = { pandoc.Str(entry.text) }
    return div
  end
end

-- A label that is left as text. Looking at every word takes long, so the words are put together first.
local function orphans(unit)
  if not pandoc.utils.stringify(unit.blocks):find('{#', 1, true) then return end
  unit.blocks:walk {
    Str = function(str)
      local label = str.text:match('{#(%l+%-[%w-]+)')
      if label then report.problem(unit.source, 'the label ' .. label .. ' labels nothing') end
    end,
  }
end

-- An image written in Markdown carries Quarto's `fig-alt`; a cell's has got its words already.
local function alternative(unit)
  return not unit.is_code and function(image)
    local alt = image.attributes['fig-alt']
    if alt then
      image.attributes['fig-alt'] = nil
      image.caption = pandoc.Inlines(alt)
    end
    if pandoc.utils.stringify(image.caption) == '' then
      report.problem(unit.source, 'the image ' .. image.src .. ' has no alternative text')
    end
    return image
  end
end

--- Number everything among the units; returns the labels: `{kind, number, text, source, used}` each.
function numbers.apply(units, chapter)
  local register = setmetatable(
    { labels = {}, counts = {}, levels = {}, chapter = chapter, section = 'sec-opening' }, Register
  )
  for _, unit in ipairs(units) do
    unit.blocks = unit.blocks:walk {
      Div = statement(register, unit),
      Figure = figure(register, unit),
      Table = table_(register, unit),
      Header = header(register, unit),
      Inlines = formulas(register, unit),
      Image = alternative(unit) or nil,
    }
    orphans(unit)
  end
  return register.labels
end

return numbers
