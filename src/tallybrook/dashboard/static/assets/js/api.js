// Calls to the server this page came from, with the key of this tab.
const KEY = "tallybrook.key";

/** The key of this tab, or null. */
export const currentKey = () => sessionStorage.getItem(KEY);
export const keepKey = (key) => sessionStorage.setItem(KEY, key);

/** A refusal: `status` 0 means that the server could not be reached. */
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || (status ? `HTTP ${status}` : "The server cannot be reached"));
    this.status = status;
    this.problem = problem;
  }
}

/** What to tell the user about an error of `request`. */
export function explain(error) {
  if (!(error instanceof ApiError)) return String(error?.message ?? error);
  if (error.status === 403) return `This key may not do that. ${error.message}`;
  if (error.status === 0) return "The server cannot be reached.";
  return error.message;
}

let onUnauthorized = () => {};
/** Called once a request is answered 401. */
export const whenUnauthorized = (fn) => { onUnauthorized = fn; };

/** GET, or POST when there is a body or a method; answers parsed JSON or throws `ApiError`. */
export async function request(path, { method, body, signal, query } = {}) {
  const response = await send(withQuery(path, query), {
    method: method ?? (body === undefined ? "GET" : "POST"), body, signal,
  });
  const answer = await readJson(response);
  if (response.ok) return answer;
  if (response.status === 401) onUnauthorized();
  throw new ApiError(response.status, answer ?? {});
}

/** As `request`, but null where the key may not: for what is shown to some beside the rest. */
export async function allowed(path, asked) {
  try { return await request(path, asked); } catch (error) {
    if (error instanceof ApiError && error.status === 403) return null;
    throw error;
  }
}

/** POST that answers a file, as a `Blob`; throws `ApiError`. */
export async function download(path, body) {
  const response = await send(path, { method: "POST", body, accept: "*/*" });
  if (response.ok) return response.blob();
  if (response.status === 401) onUnauthorized();
  throw new ApiError(response.status, (await readJson(response)) ?? {});
}

async function send(url, { method, body, signal, accept = "application/json" }) {
  const headers = { Accept: accept };
  if (currentKey()) headers.Authorization = `Bearer ${currentKey()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  try {
    return await fetch(url, { method, headers, body: text, signal, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
}

async function readJson(response) {
  try { return await response.json(); } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

function withQuery(path, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
