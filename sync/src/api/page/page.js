// The admin page. Everything that comes from the API is put in as text, never as markup.
"use strict";

const main = document.getElementById("main");
const KEY = "peergres-token";
let token = sessionStorage.getItem(KEY);
let listening = null;

// Elements: el("td", {class: "x"}, "text", otherElement)
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function say(text, good) {
  const message = document.getElementById("message");
  message.textContent = text;
  message.className = good ? "done" : "";
  message.hidden = !text;
  clearTimeout(say.timer);
  if (text) say.timer = setTimeout(() => { message.hidden = true; }, 8000);
}

async function api(method, path, body) {
  const options = { method, headers: { authorization: "Bearer " + token } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  if (answer.status === 401) { leave("This is not the admin token."); throw new Error("not logged in"); }
  const kind = answer.headers.get("content-type") || "";
  const content = kind.includes("json") ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Error(content.detail || content.title || "HTTP status " + answer.status);
  return content;
}

// Runs what a button does; the button sleeps meanwhile, and what goes wrong is said.
function button(label, work, attributes) {
  const element = el("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try { await work(); } catch (error) { say(error.message); } finally { element.disabled = false; }
  });
  return element;
}

function table(headings, rows, empty) {
  if (!rows.length) return el("p", { class: "soft" }, empty);
  const head = el("tr", {}, headings.map((heading) => el("th", { scope: "col" }, heading)));
  return el("div", { class: "scroll", tabindex: "0" }, el("table", {}, el("thead", {}, head), el("tbody", {}, rows)));
}

const row = (...cells) => el("tr", {}, cells.map((cell) => (cell instanceof HTMLTableCellElement ? cell : el("td", {}, cell))));
const mono = (text) => el("span", { class: "mono" }, text);
const time = (micros) => (micros ? new Date(micros / 1000).toLocaleString() : "never");
const value = (json) => (json === undefined ? "–" : json === null ? "NULL" : typeof json === "object" ? JSON.stringify(json) : String(json));

function age(seconds) {
  if (seconds < 1) return "now";
  for (const [size, unit] of [[86400, "days"], [3600, "hours"], [60, "minutes"]]) if (seconds >= 2 * size) return Math.floor(seconds / size) + " " + unit;
  return Math.round(seconds) + " seconds";
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < 3) { bytes /= 1000; unit += 1; }
  return (unit ? bytes.toFixed(1) : bytes) + " " + units[unit];
}

// ---- Logging in and out

function leave(reason) {
  token = null;
  sessionStorage.removeItem(KEY);
  if (listening) listening.abort();
  listening = null;
  for (const id of ["nav", "leave", "live"]) document.getElementById(id).hidden = true;
  const input = el("input", { type: "password", autocomplete: "off", required: true, id: "token" });
  const form = el("form", { class: "login" },
    el("h1", {}, "Log in"),
    el("label", { for: "token" }, "Admin token"), input,
    el("p", { class: "soft" }, "It stands in the file ", el("code", {}, "admin.token"), " of the data directory."),
    el("button", { type: "submit" }, "Log in"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    token = input.value.trim();
    enter();
  });
  main.replaceChildren(form);
  input.focus();
  say(reason || "");
}

async function enter() {
  try {
    await api("GET", "/sync/status");
  } catch (error) {
    if (token) say(error.message);
    return;
  }
  sessionStorage.setItem(KEY, token);
  say("");
  for (const id of ["nav", "leave", "live"]) document.getElementById(id).hidden = false;
  listen();
  show();
}

// News of the log, by server-sent events; read by hand, because EventSource sends no headers.
async function listen() {
  const mine = new AbortController();
  listening = mine;
  const live = document.getElementById("live");
  while (listening === mine) {
    try {
      const answer = await fetch("/sync/events", { headers: { authorization: "Bearer " + token }, signal: mine.signal });
      const reader = answer.body.getReader();
      live.className = "live";
      live.textContent = "live";
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) refresh();
    } catch (error) { /* told below */ }
    if (listening !== mine) return;
    live.className = "live off";
    live.textContent = "not connected";
    await new Promise((done) => setTimeout(done, 2000));
  }
}

let due = null;
function refresh() {
  // What a person is just filling in is left alone.
  if (due || !page.live) return;
  due = setTimeout(() => { due = null; if (page.live && token) show(true); }, 300);
}
setInterval(() => { if (token && page.live) refresh(); }, 10000);

// ---- Pages

const pages = {
  "": { title: "Overview", live: true, draw: overview },
  devices: { title: "Devices", live: false, draw: devices },
  conflicts: { title: "Conflicts", live: true, draw: conflicts },
  conflict: { title: "Conflict", live: false, draw: conflict },
  history: { title: "History", live: false, draw: historyOf },
  log: { title: "Log", live: false, draw: log },
};
let page = pages[""];

async function show(again) {
  const [, name, ...rest] = location.hash.split("/").map(decodeURIComponent);
  page = pages[name || ""] || pages[""];
  document.title = page.title + " – Peergres";
  for (const link of document.querySelectorAll("nav a")) {
    const own = link.getAttribute("href").slice(2);
    if (own === (name === "conflict" ? "conflicts" : name || "")) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  const drawn = page;
  try {
    const content = await page.draw(...rest);
    if (drawn !== page) return;
    main.replaceChildren(el("h1", {}, page.title), ...content);
    if (again !== true) main.focus();
  } catch (error) { say(error.message); }
}

const card = (number, label, tone) => el("div", { class: "card" }, el("b", { class: tone || "" }, number), el("span", {}, label));

async function overview() {
  const status = await api("GET", "/sync/status");
  const count = document.getElementById("conflict-count");
  count.textContent = status.pending_conflicts;
  count.hidden = !status.pending_conflicts;
  const peers = status.peers.map((peer) => row(mono(peer.url),
    peer.last_error ? el("td", { class: "bad" }, peer.last_error) : el("td", { class: "good" }, "in touch"),
    time(peer.last_contact), `${peer.moved.pushed} out, ${peer.moved.pulled} in`));
  const lags = status.devices.map((device) => row(device.device_name,
    el("td", { class: device.changes ? "warn" : "good" }, device.changes ? `${device.changes} changes` : "has everything"),
    device.changes ? age(device.seconds) : "–", time(device.last_seen),
    device.clock_ahead_ms ? el("td", { class: "warn" }, `${Math.round(device.clock_ahead_ms / 1000)} s ahead`) : "right"));
  const blocked = status.blocked.slice(0, 50).map((change) => row(change.table_name || "(schema)", mono(change.record_id), change.reason));
  const forked = status.forked_devices.map((id) => el("p", { class: "bad" }, "Device ", mono(id), " is forked: two histories bear its identity. Nothing more of it is accepted; revoke it."));
  return [
    el("p", {}, status.device_name, " ", mono(status.device_id), el("br"), el("span", { class: "soft" }, "fingerprint "), mono(status.fingerprint)),
    ...forked,
    el("div", { class: "cards" },
      card(status.log.changes, "changes in the log"),
      card(status.log.unsynced, "not yet on every device", status.log.unsynced ? "warn" : ""),
      card(status.pending_conflicts, "conflicts pending", status.pending_conflicts ? "bad" : ""),
      card(status.blocked.length, "changes blocked", status.blocked.length ? "bad" : ""),
      card(size(status.log.bytes), "on disk")),
    el("h2", {}, "Peers"), table(["Address", "State", "Last contact", "Changes moved"], peers, "No peer yet. Pair one under Devices."),
    el("h2", {}, "How far each device is"), table(["Device", "Lacks", "Since", "Last seen", "Clock"], lags, "No other device takes part."),
    el("h2", {}, "Blocked"), table(["Table", "Record", "Why"], blocked, "Nothing is blocked."),
    el("div", { class: "actions" }, button("Sync now", async () => {
      const round = await api("POST", "/sync/now", {});
      say(`pushed ${round.pushed}, pulled ${round.pulled}, conflicts ${round.conflicts}`, true);
      show(true);
    })),
  ];
}

async function devices() {
  const list = (await api("GET", "/devices/list")).devices;
  const state = (device) => device.is_self ? "this device" : device.is_forked ? "forked" : device.is_revoked ? "revoked" : device.is_authorized ? "authorized" : "waits";
  const act = (device) => {
    const actions = [];
    if (!device.is_self && !device.is_authorized) actions.push(button("Authorize", async () => {
      if (!confirm(`Let ${device.device_name} in? Compare its fingerprint first:\n${device.fingerprint}`)) return;
      await api("POST", "/devices/authorize", { device_id: device.device_id });
      show(true);
    }));
    if (!device.is_self && !device.is_revoked) actions.push(button("Revoke", async () => {
      if (!confirm(`Shut ${device.device_name} out, on all devices?`)) return;
      await api("POST", "/devices/" + encodeURIComponent(device.device_id) + "/revoke", {});
      show(true);
    }, { class: "danger" }));
    if (device.is_self) actions.push(button("Replace key", async () => {
      if (!confirm("Replace this device's key? The other devices learn of it by themselves.")) return;
      await api("POST", "/devices/rotate-key", {});
      say("This device has a new key.", true);
      show(true);
    }, { class: "quiet" }));
    return el("td", {}, el("div", { class: "actions" }, actions));
  };
  const rows = list.map((device) => row(el("td", {}, device.device_name, el("br"), mono(device.device_id)), mono(device.fingerprint),
    el("td", { class: { revoked: "soft", forked: "bad", waits: "warn" }[state(device)] || "good" }, state(device)), device.is_self ? "–" : time(device.last_seen), act(device)));
  const pairing = el("div", {});
  const address = el("input", { id: "address", placeholder: location.origin, autocomplete: "off" });
  const invite = el("form", { class: "line" }, el("label", {}, "Address at which the new device reaches this one", address), el("button", { type: "submit" }, "Invite a device"));
  invite.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const body = address.value.trim() ? { address: address.value.trim() } : {};
      const made = await api("POST", "/devices/invite", body);
      const picture = await api("POST", "/devices/qr", { text: made.code });
      pairing.replaceChildren(el("p", {}, "On the other device, before ", new Date(made.expires_at * 1000).toLocaleTimeString(), ":"),
        el("p", {}, el("code", {}, "peergres join " + made.code)),
        el("img", { class: "qr", alt: "The code as a QR code", src: "data:image/svg+xml;base64," + btoa(picture) }));
    } catch (error) { say(error.message); }
  });
  const code = el("input", { id: "code", autocomplete: "off", required: true, placeholder: "peergres1-…" });
  const join = el("form", { class: "line" }, el("label", {}, "Code of another device", code), el("button", { type: "submit" }, "Join"));
  join.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const round = await api("POST", "/devices/pair", { code: code.value.trim() });
      say(`joined: ${round.pulled} changes came, ${round.pushed} went`, true);
      show(true);
    } catch (error) { say(error.message); }
  });
  return [table(["Device", "Fingerprint", "State", "Last seen", "Actions"], rows, "No device."),
    el("h2", {}, "Pair another device"), invite, pairing, el("h2", {}, "Join other devices"), join];
}

async function conflicts() {
  const list = (await api("GET", "/conflicts/list?all=true")).conflicts;
  const line = (conflict) => row(el("a", { href: "#/conflict/" + encodeURIComponent(conflict.id) }, `${conflict.table_name} ${conflict.record_id}`),
    conflict.kind.replace("_", " against "), conflict.columns.join(", "), time(Math.max(conflict.local_timestamp, conflict.remote_timestamp)),
    el("td", { class: conflict.status === "pending" ? "bad" : "soft" }, conflict.status));
  const pending = list.filter((conflict) => conflict.status === "pending");
  const closed = list.filter((conflict) => conflict.status !== "pending");
  const headings = ["Record", "Kind", "Columns", "When", "State"];
  return [el("h2", {}, "Pending"), table(headings, pending.map(line), "Nothing waits for a decision."),
    el("h2", {}, "Closed"), table(headings, closed.slice(0, 200).map(line), "None yet.")];
}

async function conflict(id) {
  const [one, list] = await Promise.all([api("GET", "/conflicts/" + encodeURIComponent(id)), api("GET", "/devices/list")]);
  const name = (device) => (list.devices.find((known) => known.device_id === device) || { device_name: device }).device_name;
  const [local, remote, before] = [one.local_data, one.remote_data, one.ancestor];
  const columns = [...new Set([...one.columns, ...Object.keys(local || {}), ...Object.keys(remote || {})])];
  const inputs = new Map();
  const cell = (side, column, differs) => el("td", { class: differs ? "differs" : "" }, side === null ? el("em", {}, "deleted") : mono(value(side[column])));
  const rows = columns.map((column) => {
    const shown = (one.shown === "local" ? local : remote) || local || remote || {};
    const input = el("input", { "aria-label": column, value: value(shown[column] === undefined ? "" : shown[column]) });
    if (one.status === "pending") inputs.set(column, [input, shown[column]]);
    const differs = JSON.stringify((local || {})[column]) !== JSON.stringify((remote || {})[column]);
    return row(el("th", { scope: "row" }, column), cell(before || {}, column), cell(local, column, differs), cell(remote, column, differs),
      one.status === "pending" ? input : "");
  });
  const done = async (path, body, words) => {
    await api("POST", "/conflicts/" + encodeURIComponent(one.id) + path, body);
    say(words, true);
    location.hash = "#/conflicts";
  };
  const take = (winner) => done("/resolve", { winner }, "resolved");
  // Values that were not touched stay as they are; what is typed is text, a number where it was one, NULL or JSON.
  const typed = (text, was) => {
    if (text === "NULL") return null;
    if (typeof was === "number" || typeof was === "boolean" || (was !== null && typeof was === "object")) { try { return JSON.parse(text); } catch (error) { return text; } }
    return text;
  };
  const merge = () => {
    const data = {};
    for (const [column, [input, was]] of inputs) if (input.value !== value(was === undefined ? "" : was)) data[column] = typed(input.value, was);
    if (!Object.keys(data).length) throw new Error("Nothing was edited: take one of the two sides.");
    return done("/resolve", { winner: one.shown, custom_data: data }, "resolved with your values");
  };
  const side = (words, device, at, which) => `${words}: ${name(device)}, ${time(at)}${one.shown === which ? " (shown now)" : ""}`;
  const open = one.status === "pending" ? el("div", { class: "actions" },
    button("Take " + name(one.local_device) + "'s", () => take("local")), button("Take " + name(one.remote_device) + "'s", () => take("remote")),
    button("Save my values", merge, { class: "quiet" }), button("Ignore", () => done("/ignore", {}, "ignored"), { class: "quiet" }))
    : el("p", {}, `${one.status}${one.resolution ? ": " + one.resolution : ""}`);
  return [el("p", {}, `${one.table_name} `, mono(one.record_id), ` – ${one.kind.replace("_", " against ")}`),
    el("p", { class: "soft" }, side("this side", one.local_device, one.local_timestamp, "local"), el("br"), side("other side", one.remote_device, one.remote_timestamp, "remote")),
    table(["Column", "Before", name(one.local_device), name(one.remote_device), one.status === "pending" ? "Your values" : ""], rows, "No columns."), open,
    el("p", {}, el("a", { href: "#/history/" + encodeURIComponent(one.table_name) + "/" + encodeURIComponent(one.record_id) }, "History of this record"))];
}

async function historyOf(tableName, recordId) {
  const [table_, record] = [el("input", { required: true, value: tableName || "" }), el("input", { required: true, value: recordId || "" })];
  const form = el("form", { class: "line" }, el("label", {}, "Table", table_), el("label", {}, "Primary key", record), el("button", { type: "submit" }, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = "#/history/" + encodeURIComponent(table_.value.trim()) + "/" + encodeURIComponent(record.value.trim());
  });
  if (!tableName || recordId === undefined) return [form];
  const found = await api("GET", "/log/history?table=" + encodeURIComponent(tableName) + "&record_id=" + encodeURIComponent(recordId));
  const image = (data) => (data ? Object.entries(data).map(([column, json]) => el("div", {}, el("span", { class: "soft" }, column + " "), mono(value(json)))) : "–");
  const rows = found.history.map((entry) => row(time(entry.timestamp), entry.device_name || mono(entry.device_id), entry.operation.toLowerCase(),
    el("td", {}, image(entry.before)), el("td", {}, image(entry.after)), entry.resolves ? "a decision" : entry.won === false ? "did not win" : ""));
  return [form, table(["When", "Who", "What", "Before", "After", ""], rows, "The log has nothing of this record.")];
}

async function log() {
  const result = el("div", { role: "status" });
  const verify = button("Verify the log", async () => {
    result.replaceChildren(el("p", { class: "soft" }, "Checking every hash and signature, and replaying the log…"));
    const report = await api("POST", "/log/verify", {});
    const words = `${report.changes} changes of ${report.devices} devices, ${report.signatures} signatures` +
      (report.replayed ? `, replayed to ${report.rows} rows of ${report.tables} tables` : ", not replayed");
    result.replaceChildren(el("p", { class: report.ok ? "good" : "bad" }, report.ok ? "All good: " + words : "Damaged: " + words),
      el("ul", {}, report.faults.map((fault) => el("li", { class: "bad" }, fault))));
  });
  return [el("p", {}, "Each device's changes are a chain of hashes that the device has signed. Verifying checks all of them, and that replaying the log gives the tables row for row."),
    el("div", { class: "actions" }, verify), result];
}

document.getElementById("leave").addEventListener("click", () => leave());
window.addEventListener("hashchange", () => { if (token) show(); });
if (token) enter(); else leave();
