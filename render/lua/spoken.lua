-- What is said for a formula where it cannot be shown: characters where they suffice, otherwise TeX.

--- The formulas in an element, by their TeX: one call of the writer for all of them.
return function(element)
  local all, paragraphs = {}, pandoc.Blocks {}
  element:walk {
    Math = function(math)
      if all[math.text] then return end
      table.insert(all, math.text)
      all[math.text] = true
      local formula = pandoc.Math('InlineMath', (math.text:gsub('%s+', ' ')))
      paragraphs:insert(pandoc.Para { pandoc.Str '=', formula }) -- so that no line is empty
    end,
  }
  local _, text = pandoc.log.silence(pandoc.write, pandoc.Pandoc(paragraphs), 'plain', { wrap_text = 'none' })
  local words, index = {}, 0
  for line in text:gmatch('=([^\n]*)') do
    index = index + 1
    words[all[index]] = line:gsub('^%$(.*)%$$', '%1')
  end
  return words
end
