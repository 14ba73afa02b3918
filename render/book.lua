-- The chapter as one document: reads index.qmd with all it includes and embeds, and adds what
-- Quarto adds to Pandoc. The result is plain Pandoc, from which html.lua and typst.lua go on.
package.path = pandoc.path.directory(PANDOC_SCRIPT_FILE) .. '/lua/?.lua;' .. package.path

local boxes = require 'boxes'
local cells = require 'cells'
local checks = require 'checks'
local embed = require 'embed'
local formulas = require 'formulas'
local lists = require 'lists'
local numbers = require 'numbers'
local refs = require 'refs'
local report = require 'report'

function Pandoc(doc)
  local chapter = tonumber(pandoc.utils.stringify(doc.meta['number-offset'])) + 1
  local units = embed.units(doc)
  cells.apply(units)
  formulas.check(units)
  report.stop() -- whatever is wrong by here would bring wrong messages after it
  boxes.apply(units)
  local labels = numbers.apply(units, chapter)
  report.stop()
  checks.apply(units, labels)
  refs.apply(units, labels, doc.meta)
  report.stop()

  local blocks = pandoc.Blocks {}
  for _, unit in ipairs(units) do blocks:extend(unit.blocks) end
  blocks:extend(lists.of(units))
  blocks:insert(pandoc.Header(2, 'References', pandoc.Attr('references', { 'unnumbered' })))
  blocks:insert(pandoc.Div({}, pandoc.Attr('refs')))
  doc = pandoc.utils.citeproc(pandoc.Pandoc(blocks, doc.meta))

  -- The writers run from the AST, so the images have to lie in files by then.
  pandoc.mediabag.fill(doc)
  pandoc.mediabag.write(pandoc.utils.stringify(doc.meta.media))
  return doc
end
