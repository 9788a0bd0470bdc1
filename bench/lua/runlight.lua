-- One event a request, as Runlight's own script sends it, from visitors at many addresses.
local format, random = string.format, math.random

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "text/plain"
  wrk.headers["User-Agent"] =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
end

function request()
  wrk.headers["X-Forwarded-For"] = format("203.%d.%d.%d", random(0, 255), random(0, 77), random(1, 254))
  return wrk.format(nil, "/runlight/e", nil, format(
    '{"k":"event","u":"https://shop.example/products/%d","n":"page_view","t":"A page of the shop",' ..
    '"w":1440,"h":900,"l":"en","p":{"path":"/products/%d","load_ms":%d}}',
    random(1, 500), random(1, 500), random(20, 900)
  ))
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
