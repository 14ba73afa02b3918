-- From the book to HTML: folding boxes, image sizes and, for the pages, the contents and the copies
-- from which references are previewed.
package.path = pandoc.path.directory(PANDOC_SCRIPT_FILE) .. '/lua/?.lua;' .. package.path

local kinds = require 'kinds'
local report = require 'report'
local spoken = require 'spoken'
local visible = require 'visible'

local PAGES = FORMAT == 'chunkedhtml'

local function raw(text) return pandoc.RawBlock('html', text) end

local function folded(classes, summary, content)
  local out = pandoc.Blocks { raw('<details class="' .. classes .. '"><summary class="callout-title">') }
  out:extend(summary)
  out:insert(raw '</summary>')
  out:extend(content)
  out:insert(raw '</details>')
  return out
end

-- An e-book's reader may not be able to unfold: there everything stays open.
local folding = {
  Div = function(div)
    if div.classes:includes('folded') then
      local title = div.content:remove(1)
      return folded(table.concat(div.classes, ' '), title.content, div.content)
    elseif div.classes:includes('code-fold') then
      return folded('code-fold', { pandoc.Plain 'Code' }, div.content)
    end
  end,
}

-- An explorer needs a script; without one, and in an e-book, its image is shown.
local function explorer(html, image)
  if not PAGES then return { image } end
  local words = pandoc.Div({ pandoc.Para(image.content[1].caption) }, { class = 'hidden' })
  return pandoc.Blocks { words } .. html.content .. { raw '<noscript>', image, raw '</noscript>' }
end

local elements = {
  Div = visible.Div,
  Span = visible.Span,
  -- Figures are stored at twice their size, for sharp screens.
  Image = function(image)
    local _, data = pandoc.mediabag.fetch(image.src)
    local size = pandoc.image.size(data)
    image.attributes.width = tostring(size.width // 2)
    image.attributes.height = tostring(size.height // 2)
    image.attributes.loading = 'lazy'
    return image
  end,
  -- Pandoc finds a link's target on another page if the id is a div's, not if it is a figure's.
  Figure = function(figure)
    local id = figure.identifier
    figure.identifier = ''
    if #figure.content == 2 then figure.content = explorer(figure.content[1], figure.content[2]) end
    return pandoc.Div({ figure }, pandoc.Attr(id, { 'figure' }))
  end,
}

-- The opening and then one list of blocks a section.
local function pages(doc)
  local out = { pandoc.Blocks {} }
  for _, block in ipairs(doc.blocks) do
    if block.t == 'Header' and block.level == 2 then table.insert(out, pandoc.Blocks {}) end
    out[#out]:insert(block)
  end
  return out
end

local function contents(all)
  local items = {}
  for index = 2, #all do
    local head = all[index][1]
    table.insert(items, { pandoc.Plain { pandoc.Link(head.content, '#' .. head.identifier) } })
  end
  return {
    raw '<nav class="contents" aria-label="Sections">', pandoc.BulletList(items), raw '</nav>',
  }
end

-- What can be previewed on a page: id → the blocks to show.
local function previewable(page)
  local found = {}
  page:walk {
    Div = function(div)
      if kinds.statements[kinds.of(div.identifier)] or div.classes:includes('csl-entry') then
        found[div.identifier] = pandoc.Blocks { div }
      end
    end,
    Span = function(span)
      if kinds.of(span.identifier) == 'eq' then
        found[span.identifier] = pandoc.Blocks { pandoc.Plain { span } }
      end
    end,
  }
  return found
end

-- A copy must not have the ids of its original, nor its links to the checking cells.
local function copy(blocks)
  local function anonymous(element)
    element.identifier = ''
    return element
  end
  return blocks:walk {
    Div = anonymous,
    Span = anonymous,
    Link = function(link)
      if link.classes:includes('check-link') then return {} end
    end,
  }
end

local function add_previews(all)
  local targets = {}
  for index, page in ipairs(all) do
    for id, blocks in pairs(previewable(page)) do targets[id] = { page = index, blocks = blocks } end
  end
  for index, page in ipairs(all) do
    local added, templates = {}, pandoc.Blocks {}
    page:walk {
      Link = function(link)
        local id = link.target:match('^#(.+)$')
        local target = targets[id]
        if not target or target.page == index or added[id] or link.classes:includes('listed') then return end
        added[id] = true
        templates:insert(raw('<template data-preview="' .. id .. '">'))
        templates:extend(copy(target.blocks))
        templates:insert(raw '</template>')
      end,
    }
    page:extend(templates)
  end
end

-- The chapter's heading becomes the opening page's own, and a section's heading its page's.
local function raise_headings(doc)
  local chapter = doc.blocks:remove(1)
  local title = pandoc.write(pandoc.Pandoc { pandoc.Plain(chapter.content) }, 'html')
  doc.blocks = doc.blocks:walk {
    Header = function(head)
      head.level = head.level - 1
      return head
    end,
  }
  doc.blocks:insert(1, pandoc.Div({ raw('<h1>' .. title .. '</h1>') }, pandoc.Attr(chapter.identifier)))
end

-- An e-book's contents would have to declare that they hold MathML, and Pandoc does not.
local plain_headings = {
  Header = function(head)
    local words = spoken(head)
    return head:walk { Math = function(math) return pandoc.Str(words[math.text]) end }
  end,
}

function Pandoc(doc)
  doc = doc:walk(elements)
  report.stop()
  if PAGES then
    doc = doc:walk(folding)
    local all = pages(doc)
    add_previews(all)
    all[1]:extend(contents(all))
    doc.blocks = pandoc.Blocks {}
    for _, page in ipairs(all) do doc.blocks:extend(page) end
    raise_headings(doc)
  else
    doc.blocks = doc.blocks:walk(plain_headings)
  end
  return doc
end
