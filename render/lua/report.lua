-- Collects what is wrong with the sources and stops the build once, with one line a problem.
local report = { problems = {} }

--- Note a problem. `source` names the file and, in a notebook, the cell.
function report.problem(source, message)
  local line = source .. ': ' .. message
  for _, known in ipairs(report.problems) do
    if known == line then return end
  end
  table.insert(report.problems, line)
end

--- End pandoc with every problem on stderr, if there is one.
function report.stop()
  if #report.problems == 0 then return end
  io.stderr:write(table.concat(report.problems, '\n'), '\n')
  os.exit(1)
end

return report
