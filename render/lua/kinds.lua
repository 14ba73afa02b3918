-- The label prefixes and the words they are printed with, as Quarto prints them.
local kinds = {
  names = {
    sec = 'Section', eq = 'Equation', fig = 'Figure', tbl = 'Table', def = 'Definition',
    thm = 'Theorem', lem = 'Lemma', cor = 'Corollary', prp = 'Proposition',
    exm = 'Example', exr = 'Exercise',
  },
  statements = { def = true, thm = true, lem = true, cor = true, prp = true, exm = true, exr = true },
  -- What a reader may rely on, or has to be solved, and so needs a cell.
  checked = { def = true, thm = true, lem = true, cor = true, prp = true, exr = true },
  -- What interrupts the text, and so has to be referred to in it.
  floating = { eq = true, fig = true, tbl = true },
}

--- The kind of a label, `thm` for `thm-picard`; nil if it is not one.
function kinds.of(label)
  local prefix = label:match('^(%l+)%-.')
  return prefix and kinds.names[prefix] and prefix or nil
end

return kinds
