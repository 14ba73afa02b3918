-- Quarto's `content-visible` and `content-hidden` for the format being written.
local report = require 'report'

-- Which of Quarto's format names hold for each of our writers (its `html` takes in EPUB).
local NAMES = {
  chunkedhtml = { html = true, ['html:js'] = true },
  epub3 = { html = true, epub = true },
  typst = { typst = true, pdf = true },
}

local function holds(name)
  local known = false
  for _, names in pairs(NAMES) do known = known or names[name] end
  if not known then report.problem('when-format', 'unknown format ' .. name) end
  return NAMES[FORMAT][name] or false
end

local function visible(element)
  local shown = element.classes:includes('content-visible')
  if not shown and not element.classes:includes('content-hidden') then return end
  local when, unless = element.attributes['when-format'], element.attributes['unless-format']
  local met = (not when or holds(when)) and (not unless or not holds(unless))
  return met == shown and element.content or {}
end

return { Div = visible, Span = visible }
