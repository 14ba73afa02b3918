-- Finds formulas that Pandoc cannot read, which would be shown as TeX.
local report = require 'report'

local formulas = {}

local function readable(inline)
  local doc = pandoc.Pandoc { pandoc.Plain { inline } }
  return #pandoc.log.silence(pandoc.write, doc, 'html', { html_math_method = 'mathml' }) == 0
end

--- Report every formula among the units that has to stay TeX.
function formulas.check(units)
  for _, unit in ipairs(units) do
    unit.blocks:walk {
      Math = function(math)
        if readable(math) then return end
        local text = math.text:gsub('%s+', ' ')
        report.problem(unit.source, 'a formula that Pandoc cannot read: ' .. text)
      end,
    }
  end
end

return formulas
