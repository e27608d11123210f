"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const VERDICTS = ["ok", "person_visible", "occlusion_error", "other"];
const COLUMNS = ["clip_id", "sample_sha256", "label", "reviewer", "verdict", "note"];
const PLACE = `m2m-review:${data.release}:${data.digest}`;
const byId = new Map(data.clips.map((clip) => [clip.id, clip]));
let reviewer = "", mine = {}, others = {}, history = [], here = null, videos = [], slow = false, difference = false;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children); // text stays text, whatever it says
  return made;
}

// What is kept in the browser.
function load() {
  const kept = JSON.parse(localStorage.getItem(`${PLACE}:${reviewer}`) || "{}");
  mine = kept.mine || {};
  others = kept.others || {};
}
function save() {
  localStorage.setItem(`${PLACE}:${reviewer}`, JSON.stringify({ mine, others }));
  localStorage.setItem(`${PLACE}:last`, reviewer);
}

// The list on the left.
function disagree(clip) {
  const said = new Set((others[clip.id] || []).map((item) => item.verdict));
  if (mine[clip.id] && reviewer !== "adjudicated") said.add(mine[clip.id].verdict);
  return said.size > 1;
}
function isShown(clip) {
  const verdict = mine[clip.id]?.verdict;
  const wanted = { open: !verdict, bad: verdict && verdict !== "ok", disagree: disagree(clip) };
  return wanted[at("filter").value] ?? true;
}
function drawList() {
  const shown = data.clips.filter((clip) => isShown(clip) || clip === here);
  at("list").replaceChildren(...shown.map((clip) => {
    const verdict = mine[clip.id]?.verdict || "";
    const mark = element("span", { className: `dot ${verdict}`, title: verdict || "open" });
    const name = element("span", { className: "name", title: clip.label }, clip.label || clip.id);
    const why = element("span", { className: "soft mono" }, clip.stratum === "class" ? "" : clip.stratum);
    const item = element("li", { className: clip === here ? "here" : "", onclick: () => open(clip) }, mark, name, why);
    item.dataset.clip = clip.id;
    return item;
  }));
  const numDone = data.clips.filter((clip) => mine[clip.id]).length;
  at("progress").max = data.clips.length;
  at("progress").value = numDone;
  at("count").textContent = `${numDone} of ${data.clips.length}`;
  at("list").querySelector(".here")?.scrollIntoView({ block: "nearest" });
}

// The clip in the middle. Only its own videos are loaded, however many clips there are.
function open(clip) {
  here = clip;
  at("panes").replaceChildren(...["result", "masks", "source"].filter((kind) => clip.media[kind]).map((kind) => {
    const video = element("video", { src: clip.media[kind], muted: true, preload: "auto", playsInline: true });
    video.dataset.kind = kind;
    return element("figure", {}, video, element("figcaption", {}, kind));
  }));
  videos = [...at("panes").querySelectorAll("video")];
  for (const video of videos) video.addEventListener("seeked", drawDifference);
  videos[0].addEventListener("ended", () => { at("play").textContent = "Play"; });
  at("seek").max = clip.frames - 1;
  at("note").value = mine[clip.id]?.note || "";
  at("facts").textContent = `${clip.id}\n${clip.label}, ${clip.status}, ${clip.frames} frames, ${clip.fps.toFixed(2)} a second`;
  at("checks").replaceChildren(...clip.checks.map((check) => {
    const share = check.value === null ? 1 : check.limit > 0 ? check.value / check.limit : check.value > 0 ? 1.01 : 0;
    const bar = element("i", { className: share > 1 || check.value === null ? "over" : share > 0.8 ? "near" : "" });
    bar.style.width = `${Math.min(100, 100 * share)}%`;
    const name = element("td", {}, check.name, element("div", { className: "meter" }, bar));
    const value = check.value === null ? "could not run" : `${check.value.toPrecision(2)} / ${check.limit}`;
    return element("tr", { onclick: () => showWorst(check) }, name, element("td", { className: "mono" }, value));
  }));
  const said = at("filter").value === "disagree" || reviewer === "adjudicated" ? others[clip.id] || [] : [];
  at("others").textContent = said.map((item) => `${item.reviewer}: ${item.verdict}${item.note ? ` (${item.note})` : ""}`).join("; ");
  for (const button of document.querySelectorAll(".verdict"))
    button.classList.toggle("chosen", button.dataset.verdict === mine[clip.id]?.verdict);
  setSlow(slow);
  setDifference(difference);
  goTo(0);
  drawList();
}
function move(step) {
  const shown = data.clips.filter((clip) => isShown(clip) || clip === here);
  const next = shown[shown.indexOf(here) + step];
  if (next) open(next);
}

// Time. All videos show the same frame.
const frameAt = (time) => Math.min(here.frames - 1, Math.max(0, Math.floor(time * here.fps + 1e-3)));
const frameNow = () => (videos.length ? frameAt(videos[0].currentTime) : 0);
function goTo(frame) {
  const index = Math.min(here.frames - 1, Math.max(0, frame));
  for (const video of videos) video.currentTime = (index + 0.5) / here.fps;
  for (const box of document.querySelectorAll(".box")) box.remove();
  tell(index);
}
function tell(index) {
  at("seek").value = index;
  at("frame").textContent = `frame ${index} of ${here.frames - 1}`;
}
function togglePlay() {
  if (!videos[0].paused) return pause();
  for (const box of document.querySelectorAll(".box")) box.remove();
  if (frameNow() >= here.frames - 1) goTo(0);
  for (const video of videos) video.play();
  at("play").textContent = "Pause";
}
function pause() {
  for (const video of videos) video.pause();
  at("play").textContent = "Play";
  goTo(frameNow());
}
function setSlow(value) {
  slow = value;
  at("slow").setAttribute("aria-pressed", slow);
  for (const video of videos) video.playbackRate = slow ? 0.25 : 1;
}
function tick() {
  if (videos.length && !videos[0].paused) {
    for (const video of videos.slice(1))
      if (Math.abs(video.currentTime - videos[0].currentTime) > 1 / here.fps) video.currentTime = videos[0].currentTime;
    tell(frameNow());
    drawDifference();
  }
  requestAnimationFrame(tick);
}
function showWorst(check) {
  if (check.frame < 0) return;
  for (const video of videos) video.pause();
  at("play").textContent = "Play";
  goTo(check.frame);
  const [x0, y0, x1, y1] = check.box || [];
  if (x1 === undefined) return;
  for (const video of videos) {
    const box = element("div", { className: "box", title: check.name });
    const [width, height] = [video.videoWidth || 432, video.videoHeight || 240];
    Object.assign(box.style, { left: `${100 * x0 / width}%`, top: `${100 * y0 / height}%`, width: `${100 * (x1 - x0) / width}%`, height: `${100 * (y1 - y0) / height}%` });
    video.parentElement.append(box);
  }
}

// What changed between source and result (without the source: since the frame before).
function setDifference(value) {
  difference = value;
  at("difference").setAttribute("aria-pressed", difference);
  at("panes").querySelector(".difference")?.remove();
  if (!difference) return;
  const told = here.media.source ? "difference to the source, 4 times" : "difference to the frame shown before, 4 times";
  at("panes").append(element("figure", { className: "difference" }, element("canvas"), element("figcaption", {}, told)));
  drawDifference();
}
let before = null;
function drawDifference() {
  const canvas = at("panes").querySelector("canvas");
  if (!difference || !canvas || !videos[0].videoWidth) return;
  const result = videos[0], source = videos.find((video) => video.dataset.kind === "source");
  const [width, height] = [result.videoWidth, result.videoHeight];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.globalCompositeOperation = "copy";
  pen.filter = "none";
  pen.drawImage(result, 0, 0, width, height);
  pen.globalCompositeOperation = "difference";
  const other = source || before;
  if (other) pen.drawImage(other, 0, 0, width, height);
  pen.globalCompositeOperation = "copy";
  pen.filter = "brightness(4)";
  pen.drawImage(canvas, 0, 0);
  pen.filter = "none";
  if (!source) {
    before = Object.assign(document.createElement("canvas"), { width, height });
    before.getContext("2d").drawImage(result, 0, 0, width, height);
  }
}

// Verdicts.
function decide(verdict) {
  history.push([here.id, mine[here.id]]);
  mine[here.id] = { verdict, note: at("note").value };
  save();
  const order = data.clips.slice(data.clips.indexOf(here) + 1).concat(data.clips);
  const next = order.find((clip) => !mine[clip.id]);
  open(next || here);
}
function undo() {
  const last = history.pop();
  if (!last) return;
  const [id, verdict] = last;
  if (verdict) mine[id] = verdict; else delete mine[id];
  save();
  open(byId.get(id));
}
function toCsv() {
  const quote = (text) => {
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; // no spreadsheet runs it
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const rows = data.clips.filter((clip) => mine[clip.id]).map((clip) =>
    [clip.id, clip.sha, clip.label, reviewer, mine[clip.id].verdict, mine[clip.id].note].map(quote).join(","));
  return `${[COLUMNS.join(","), ...rows].join("\n")}\n`;
}
function exportCsv() {
  const link = element("a", { download: `${data.release}.${reviewer}.csv` });
  link.href = URL.createObjectURL(new Blob([toCsv()], { type: "text/csv" }));
  link.click();
  URL.revokeObjectURL(link.href);
}
function fromCsv(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  const [head, ...body] = rows.filter((row) => row.length > 1);
  return body.map((row) => Object.fromEntries(head.map((name, i) => [name, (row[i] || "").replace(/^'(?=[=+\-@\t\r])/, "")])));
}
function importCsv(text) {
  let numTaken = 0, numLeft = 0;
  for (const row of fromCsv(text)) {
    const clip = byId.get(row.clip_id);
    if (!clip || clip.sha !== row.sample_sha256 || !VERDICTS.includes(row.verdict)) { numLeft++; continue; }
    numTaken++;
    if (row.reviewer === reviewer) mine[clip.id] = { verdict: row.verdict, note: row.note };
    else others[clip.id] = [...(others[clip.id] || []).filter((item) => item.reviewer !== row.reviewer), row];
  }
  save();
  open(here);
  at("others").textContent = `${numTaken} verdicts imported${numLeft ? `, ${numLeft} left out: of other clips, another version, or no verdict` : ""}`;
}

// Who looks, and the keys.
function ask() {
  at("reviewer").value = reviewer || localStorage.getItem(`${PLACE}:last`) || "";
  at("ask").showModal();
}
function start(name) {
  reviewer = name;
  history = [];
  load();
  save();
  at("who").textContent = reviewer;
  open(data.clips.find((clip) => !mine[clip.id]) || data.clips[0]);
}
const keys = {
  " ": togglePlay, ArrowRight: () => goTo(frameNow() + 1), ArrowLeft: () => goTo(frameNow() - 1),
  j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
  s: () => setSlow(!slow), d: () => setDifference(!difference), u: undo, e: exportCsv,
  n: () => at("note").focus(),
  w: () => showWorst(here.checks.reduce((a, b) => ((b.value ?? 9) / (b.limit || 1) > (a.value ?? 9) / (a.limit || 1) ? b : a))),
};
VERDICTS.forEach((verdict, i) => { keys[i + 1] = () => decide(verdict); });
document.addEventListener("keydown", (event) => {
  if (at("ask").open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === at("note")) { if (event.key === "Escape") at("note").blur(); return; }
  if (event.target.tagName === "SELECT" || !keys[event.key] || !here) return;
  event.preventDefault();
  keys[event.key]();
});
at("note").addEventListener("input", () => { if (mine[here.id]) { mine[here.id].note = at("note").value; save(); } });
at("play").onclick = togglePlay;
at("slow").onclick = () => setSlow(!slow);
at("back").onclick = keys.ArrowLeft;
at("step").onclick = keys.ArrowRight;
at("difference").onclick = keys.d;
at("undo").onclick = undo;
at("export").onclick = exportCsv;
at("import").onclick = () => at("file").click();
at("file").onchange = async () => { importCsv(await at("file").files[0].text()); at("file").value = ""; };
at("seek").oninput = () => goTo(Number(at("seek").value));
at("filter").onchange = () => { drawList(); const first = data.clips.find(isShown); if (first) open(first); };
at("who").onclick = ask;
at("ask").addEventListener("cancel", (event) => { if (!reviewer) event.preventDefault(); });
at("ask").addEventListener("close", () => { if (at("reviewer").value) start(at("reviewer").value); });
for (const button of document.querySelectorAll(".verdict")) button.onclick = () => decide(button.dataset.verdict);
at("title").textContent = `Review of ${data.release}`;
document.title = `Review of ${data.release}`;
document.body.classList.toggle("with-source", data.withSource);
if (data.withSource)
  document.body.prepend(element("div", { id: "banner" }, "This page shows the people filmed. Do not copy it, and delete it when you have finished."));
requestAnimationFrame(tick);
const last = localStorage.getItem(`${PLACE}:last`);
if (last) start(last); else ask();
