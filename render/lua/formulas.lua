-- Finds formulas that Pandoc cannot read, which would be shown as TeX.
local report = require 'report'

local formulas = {}

local function readable(inlines)
  local doc = pandoc.Pandoc { pandoc.Plain(inlines) }
  return #pandoc.log.silence(pandoc.write, doc, 'html', { html_math_method = 'mathml' }) == 0
end

--- Report every formula among the units that would be shown as TeX.
function formulas.check(units)
  local all, sources = pandoc.Inlines {}, {}
  for _, unit in ipairs(units) do
    unit.blocks:walk {
      Math = function(math)
        if sources[math.text] then return end
        sources[math.text] = unit.source
        all:insert(math)
      end,
    }
  end
  -- All are tried at once, and one by one only to find the bad ones.
  if readable(all) then return end
  for _, math in ipairs(all) do
    if not readable { math } then
      local text = math.text:gsub('%s+', ' ')
      report.problem(sources[math.text], 'a formula that Pandoc cannot read: ' .. text)
    end
  end
end

return formulas
