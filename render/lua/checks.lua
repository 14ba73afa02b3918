-- Ties each statement to the cells that check it: a link from the statement to every such cell, and
-- one back from the cell.
local kinds = require 'kinds'
local report = require 'report'

local checks = {}

-- An exercise is not checked but solved.
local function word(kind, check, solution) return kind == 'exr' and solution or check end

local function note(unit, labels)
  local verb = word(kinds.of(unit.checks[1]), 'Checks', 'Solves')
  local links = pandoc.Inlines { pandoc.Str(verb), pandoc.Space() }
  for index, label in ipairs(unit.checks) do
    if index > 1 then links:extend { pandoc.Str ',', pandoc.Space() } end
    links:insert(pandoc.Link(labels[label].text, '#' .. label, '', { class = 'ref' }))
  end
  return pandoc.Div({ pandoc.Plain(links) }, { class = 'cell-checks' })
end

-- What a solution's cell prints tells the answer, too: it is folded with the code.
local function fold_all(cell)
  local fold = cell.content[1]
  for index = 2, #cell.content do fold.content:insert(cell.content[index]) end
  fold.classes = { 'code-fold' }
  cell.content = pandoc.Blocks { fold }
end

-- Which cells check which statement: label → list of the cells' ids.
local function collect(units, labels)
  local cells = {}
  for _, unit in ipairs(units) do
    local known = {}
    for _, label in ipairs(unit.checks or {}) do
      if labels[label] and kinds.statements[labels[label].kind] then
        table.insert(known, label)
      else
        report.problem(unit.source, '"#| checks" names ' .. label .. ', which is no statement')
      end
    end
    if #known > 0 and #unit.blocks == 0 then
      report.problem(unit.source, 'a cell that checks something cannot be hidden')
    end
    if #known > 0 then
      local first = cells[known[1]]
      local id = 'check-' .. known[1] .. (first and '-' .. #first + 1 or '')
      for _, label in ipairs(known) do
        cells[label] = cells[label] or {}
        table.insert(cells[label], id)
      end
      unit.checks = known
      for _, cell in ipairs(unit.blocks) do
        cell.identifier = id
        if kinds.of(known[1]) == 'exr' then fold_all(cell) end
        cell.content:insert(1, note(unit, labels))
      end
    end
  end
  return cells
end

local function links(entry, ids)
  local out = pandoc.Inlines {}
  for index, id in ipairs(ids) do
    local name = word(entry.kind, 'check', 'solution')
    local text = #ids > 1 and name .. ' ' .. index or name
    out:insert(pandoc.Space())
    out:insert(pandoc.Link(text, '#' .. id, '', {
      class = 'check-link', ['aria-label'] = text .. ': the cell for ' .. entry.text,
    }))
  end
  return out
end

--- Add the links to statements and cells.
function checks.apply(units, labels)
  local cells = collect(units, labels)
  for _, unit in ipairs(units) do
    unit.blocks = unit.blocks:walk {
      Div = function(div)
        if not div.classes:includes('statement') then return end
        local ids = cells[div.identifier]
        if ids then
          div.content[1].content[1].content:extend(links(labels[div.identifier], ids))
          return div
        elseif kinds.checked[labels[div.identifier].kind] then
          local verb = word(kinds.of(div.identifier), 'checks', 'solves')
          report.problem(unit.source, 'no cell ' .. verb .. ' ' .. div.identifier .. ', "#| checks: …"')
        end
      end,
    }
  end
end

return checks
