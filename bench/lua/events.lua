-- Events with ids of their own (UUIDv7 layout), as many in a request as the first argument says.
-- Arguments: events in a request, path, key, milliseconds since the epoch.
local format, random, floor = string.format, math.random, math.floor
local path, many, base_ms, sent, stamp

function init(args)
  many, path, base_ms = tonumber(args[1]), args[2], tonumber(args[4])
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. args[3]
  math.randomseed(os.time() + floor(os.clock() * 1e6) + base_ms % 1000003)
  sent = 0
end

local function event()
  if sent % 64 == 0 then
    stamp = os.date("!%Y-%m-%dT%H:%M:%SZ", floor(base_ms / 1000) - sent % 3600)
  end
  sent = sent + 1
  local ms = base_ms + floor(sent / 32)
  return format(
    '{"event_id":"%08x-%04x-7%03x-8%03x-%06x%06x","event_type":"page_view","timestamp":"%s",' ..
    '"user_id":"user-%d","session_id":"s-%d",' ..
    '"properties":{"path":"/products/%d","title":"A page of the shop","load_ms":%d}}',
    floor(ms / 65536), ms % 65536, random(0, 4095), random(0, 4095), random(0, 16777215),
    random(0, 16777215), stamp, random(1, 20000), random(1, 90000), random(1, 500), random(20, 900)
  )
end

function request()
  if many == 1 then
    return wrk.format(nil, path, nil, event())
  end
  local events = {}
  for i = 1, many do
    events[i] = event()
  end
  return wrk.format(nil, path, nil, '{"events":[' .. table.concat(events, ",") .. "]}")
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(format(
    '\nRESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,' ..
    '"not_2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency.max, e.status, e.connect + e.read + e.write + e.timeout
  ))
end
