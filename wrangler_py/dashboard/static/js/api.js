// Requests to the API of the dashboard.

export class ApiError extends Error {
  constructor(message, hint, status) {
    super(message);
    this.hint = hint;
    this.status = status;
  }

  get text() {
    return this.hint ? `${this.message}\n${this.hint}` : this.message;
  }
}

async function request(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError("The dashboard does not answer.", "Has wrangler-py ended? Start it again, and open the URL that it prints.", 0);
  }
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new ApiError(text.trim() || `HTTP status ${response.status}`, null, response.status);
  }
  if (!response.ok) throw new ApiError(answer.message, answer.hint, response.status);
  return answer;
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);
export const put = (path, body) => request("PUT", path, body);
export const patch = (path, body) => request("PATCH", path, body);
export const remove = (path) => request("DELETE", path);
