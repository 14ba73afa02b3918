-- Finds formulas that Pandoc cannot read, which would be shown as TeX.
local report = require 'report'

local formulas = {}

local function readable(blocks)
  local doc = pandoc.Pandoc(blocks)
  return #pandoc.log.silence(pandoc.write, doc, 'html', { html_math_method = 'mathml' }) == 0
end

-- The formulas of a cell are tried all at once, and one by one only to find the bad one.
local function check(unit)
  local all = pandoc.Inlines {}
  unit.blocks:walk { Math = function(math) all:insert(math) end }
  if readable { pandoc.Plain(all) } then return end
  for _, math in ipairs(all) do
    if not readable { pandoc.Plain { math } } then
      local text = math.text:gsub('%s+', ' ')
      report.problem(unit.source, 'a formula that Pandoc cannot read: ' .. text)
    end
  end
end

--- Report every formula among the units that would be shown as TeX.
function formulas.check(units)
  for _, unit in ipairs(units) do check(unit) end
end

return formulas
