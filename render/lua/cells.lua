-- Turns a code cell into what the reader sees: its code without the option lines, its outputs, and
-- a figure with caption and alternative text where the options ask for one.
local report = require 'report'

local cells = {}

local KNOWN = {
  label = true, ['fig-cap'] = true, ['fig-alt'] = true, echo = true, ['code-fold'] = true,
  include = true, checks = true,
}

-- Parts the leading `#|` lines from the code and reads them with pandoc's own YAML reader, which
-- parses the Markdown in a caption as well.
local function options(unit, code)
  local yaml, rest = {}, {}
  for line in (code .. '\n'):gmatch('(.-)\n') do
    local option = #rest == 0 and line:match('^#|%s?(.*)$')
    table.insert(option and yaml or rest, option or line)
  end
  local ok, doc = pcall(pandoc.read, '---\n' .. table.concat(yaml, '\n') .. '\n---\n', 'markdown')
  if not ok then
    report.problem(unit.source, 'the cell options "#|" are not valid YAML')
    return nil
  end
  for name in pairs(doc.meta) do
    if not KNOWN[name] then report.problem(unit.source, 'unsupported cell option ' .. name) end
  end
  return doc.meta, (table.concat(rest, '\n'):gsub('^%s*\n', ''))
end

local function all(kind, block)
  local found = pandoc.List {}
  block:walk { [kind] = function(element) found:insert(element) end }
  return found
end

local function text_output(block)
  local texts = all('CodeBlock', block):map(function(code)
    return pandoc.CodeBlock((code.text:gsub('\n$', '')), { class = 'output' })
  end)
  return pandoc.Div(texts, { class = 'cell-output' })
end

-- `html` is that of an explorer, a figure that can be moved; the image shows its first state.
local function figure(unit, image, html, option, named)
  local label = pandoc.utils.stringify(option.label or '')
  if not label:match('^fig%-') then
    report.problem(unit.source, 'a figure needs "#| label: fig-…"')
    return nil
  end
  local alt = pandoc.utils.stringify(option['fig-alt'] or '')
  if alt == '' then
    report.problem(unit.source, 'the figure ' .. label .. ' has no alternative text, "#| fig-alt: …"')
  end
  if not option['fig-cap'] then
    report.problem(unit.source, 'the figure ' .. label .. ' has no caption, "#| fig-cap: …"')
  end
  -- The image gets its label as file name: the name a reader sees who saves it.
  local kind, data = pandoc.mediabag.lookup(image.src)
  local name = 'images/' .. label .. '.png'
  pandoc.mediabag.insert(name, kind, data)
  named[image.src] = true
  local picture = pandoc.Image(alt, name)
  local caption = pandoc.Plain(option['fig-cap'] or {})
  local content = pandoc.Blocks { pandoc.Plain { picture } }
  if #html > 0 then content:insert(1, pandoc.Div(html, { class = 'explorer-html' })) end
  return pandoc.Figure(content, { caption }, pandoc.Attr(label))
end

local function cell(unit, named)
  local option, code = options(unit, unit.blocks[1].text)
  if not option then return end
  unit.checks = {}
  local checks = option.checks or pandoc.List {}
  for _, check in ipairs(pandoc.utils.type(checks) == 'List' and checks or { checks }) do
    table.insert(unit.checks, pandoc.utils.stringify(check))
  end
  if option.include == false then
    unit.blocks = pandoc.Blocks {}
    return
  end

  local shown = pandoc.Blocks {}
  if option.echo ~= false then
    local source = pandoc.CodeBlock(code, { class = 'python' })
    local class = option['code-fold'] == true and 'code-fold' or 'cell-code'
    shown:insert(pandoc.Div({ source }, { class = class }))
  end
  local drawn
  for index = 2, #unit.blocks do
    local pictures = all('Image', unit.blocks[index])
    if #pictures == 0 then
      shown:insert(text_output(unit.blocks[index]))
    elseif drawn then
      report.problem(unit.source, 'a cell shows one figure, this one has more')
    else
      drawn = figure(unit, pictures[1], all('RawBlock', unit.blocks[index]), option, named)
      shown:insert(drawn or pandoc.Div {})
    end
  end
  if option.label and not drawn then
    report.problem(
      unit.source,
      'the label ' .. pandoc.utils.stringify(option.label) .. ' stands on a cell without a figure'
    )
  end
  unit.blocks = pandoc.Blocks(#shown > 0 and { pandoc.Div(shown, { class = 'cell' }) } or {})
end

--- Rewrite the blocks of every code cell among the units; `unit.checks` lists the labels it checks.
function cells.apply(units)
  local named = {} -- images that have got a name; two figures can show the same one
  for _, unit in ipairs(units) do
    if unit.is_code then cell(unit, named) end
  end
  for source in pairs(named) do pandoc.mediabag.delete(source) end
end

return cells
