-- Prints wrk's counts as one line of JSON. Its arguments: a file of whole requests to make in turn, NUL between them, or
-- an empty one for wrk's own request; and, if every response is to be looked at, `size` and `first byte`: then those of
-- another status, length or first byte are counted as wrong.
local thread

function setup(started)
  thread = started
end

function init(args)
  wrong = 0
  local size, first = tonumber(args[2]), tonumber(args[3])
  if args[1] ~= "" then
    list_requests(args[1])
  end
  if size then
    response = function(status, headers, body)
      if status ~= 200 or #body ~= size or string.byte(body) ~= first then
        wrong = wrong + 1
      end
    end
  end
end

function list_requests(path)
  local listed, last = {}, 0
  for whole in io.open(path, "rb"):read("*a"):gmatch("%Z+") do
    listed[#listed + 1] = whole
  end
  request = function()
    last = last % #listed + 1
    return listed[last]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "bytes": %d, "seconds": %.6f, "refused": %d, "socket_errors": %d, "timeouts": %d,'
      .. ' "wrong": %d, "p50_ms": %.4f, "p99_ms": %.4f}\n',
    summary.requests, summary.bytes, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write, errors.timeout,
    thread:get("wrong"), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
