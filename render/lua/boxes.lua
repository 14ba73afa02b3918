-- Statements, proofs, remarks and callouts: fenced divs get the parts that the page shows.
local kinds = require 'kinds'

local boxes = {}

-- The CommonMark reader leaves a fenced div's last paragraph a tight one.
local function loosen(blocks)
  return blocks:map(function(block)
    return block.t == 'Plain' and pandoc.Para(block.content) or block
  end)
end

local function take_title(div)
  local first = div.content[1]
  if first and first.t == 'Header' then
    div.content:remove(1)
    return first.content
  end
  return pandoc.Inlines(div.attributes.title or '')
end

local function statement(div)
  local title = take_title(div)
  local head = pandoc.Inlines { pandoc.Span({}, { class = 'statement-label' }) }
  if #title > 0 then
    head:insert(pandoc.Space())
    head:insert(pandoc.Span(title, { class = 'statement-title' }))
  end
  local content = loosen(div.content)
  content:insert(1, pandoc.Div({ pandoc.Plain(head) }, { class = 'statement-head' }))
  return pandoc.Div(content, pandoc.Attr(div.identifier, { 'statement', kinds.of(div.identifier) }))
end

-- Set words before the first paragraph, or in one of their own where a list or formula comes first.
local function lead(blocks, words)
  local first = blocks[1]
  if first and first.t == 'Para' then
    blocks[1] = pandoc.Para(words .. { pandoc.Space() } .. first.content)
  else
    blocks:insert(1, pandoc.Para(words))
  end
end

local function proof(div)
  local content = loosen(div.content)
  lead(content, pandoc.Inlines { pandoc.Emph { pandoc.Str 'Proof.' } })
  local qed = pandoc.Span({ pandoc.Str '∎' }, { class = 'qed' })
  local last = content[#content]
  if last.t == 'Para' then
    last.content:extend { pandoc.Space(), qed }
  else
    content:insert(pandoc.Para { qed })
  end
  return pandoc.Div(content, { class = 'proof' })
end

local function remark(div)
  local content = loosen(div.content)
  lead(content, pandoc.Inlines { pandoc.Emph { pandoc.Str 'Remark.' } })
  return pandoc.Div(content, { class = 'remark' })
end

local function callout(div, kind)
  local title = take_title(div)
  if #title == 0 then title = pandoc.Inlines { pandoc.Str((kind:gsub('^%l', string.upper))) } end
  local content = loosen(div.content)
  content:insert(1, pandoc.Div({ pandoc.Plain(title) }, { class = 'callout-title' }))
  local classes = { 'callout', 'callout-' .. kind }
  if div.attributes.collapse == 'true' then table.insert(classes, 'folded') end
  return pandoc.Div(content, pandoc.Attr(div.identifier, classes))
end

local function box(div)
  if kinds.statements[kinds.of(div.identifier)] then return statement(div) end
  if div.classes:includes('proof') then return proof(div) end
  if div.classes:includes('remark') then return remark(div) end
  for _, class in ipairs(div.classes) do
    local kind = class:match('^callout%-(%l+)$')
    if kind then return callout(div, kind) end
  end
end

--- Give every statement, proof, remark and callout among the units its parts.
function boxes.apply(units)
  for _, unit in ipairs(units) do
    unit.blocks = unit.blocks:walk { Div = box }
  end
end

return boxes
