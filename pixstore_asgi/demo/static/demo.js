/** The page: signed out it is a welcome, signed in a visit to the gallery. */

import "./trusted-types.js";
import "/images/-/client/element.js";
import * as api from "./api.js";
import { acceptFiles } from "./drop.js";
import { fail, say } from "./messages.js";
import { listen, tellOthers } from "./other-tabs.js";
import { Visit } from "./visit.js";

const part = (selector) => document.querySelector(selector);
const panel = part("#panel");
const toggle = part("#panel-toggle");
const narrow = matchMedia("(max-width: 68rem)"); // where panel.css lays the panel over the pictures

/** @type {Visit | undefined} */
let visit;

/** @param {string} guest */
function enter(guest) {
  part("#welcome").hidden = true;
  for (const selector of ["#visit", "#tools", ".skip"]) part(selector).hidden = false;
  visit = new Visit(part("#visit"), guest, (reason) => leave(reason));
  visit.start(part("#sealed").checked);
}

/** @param {string | Promise<string>} reason */
async function leave(reason) {
  if (!visit) return;
  const ended = visit;
  visit = undefined;
  for (const selector of ["#visit", "#tools", ".skip"]) part(selector).hidden = true;
  part("#welcome").hidden = false;
  part("#break-result").textContent = "";
  const ending = ended.end();
  part("#sign-in").focus(); // only now: a dialog that closes gives the focus back to its picture
  const text = await ending.then(
    () => reason,
    (error) => `You are signed out, but pictures may be left in this browser's cache: ${error.message}.`,
  );
  part("#farewell").textContent = text;
  say(text);
}

async function signIn() {
  try {
    const guest = await api.signIn();
    part("#farewell").textContent = "";
    enter(guest);
    part("#gallery-title").focus();
  } catch (error) {
    fail(error);
  }
}

function signOut() {
  // What is here goes at once, in the other tabs too, whatever the server answers and when.
  tellOthers("signed-out");
  return leave(
    api.signOut().then(
      () => "You are signed out. The session has ended, and this browser keeps nothing of it.",
      () => "This browser keeps nothing, but the server did not answer: the session may still be open there.",
    ),
  );
}

/** @param {boolean} isOpen */
function showPanel(isOpen) {
  if (!isOpen && panel.contains(document.activeElement)) toggle.focus();
  panel.hidden = !isOpen;
  toggle.ariaExpanded = String(isOpen);
}

/** @param {File[]} files */
function upload(files) {
  if (!visit || files.length === 0) return;
  if (narrow.matches) showPanel(false); // it would cover what becomes of them
  visit.upload(files, part("#strip").checked);
}

/** @param {HTMLButtonElement} button */
async function breakOnPurpose(button) {
  if (!visit || panel.ariaBusy === "true") return;
  panel.ariaBusy = "true";
  part("#break-result").textContent = "Waiting for the page to recover …";
  const result = await visit.breakOnPurpose(button.dataset.fault);
  part("#break-result").textContent = result;
  panel.ariaBusy = "false";
  if (result) say(result);
}

part("#sealed").addEventListener("change", ({ target }) => visit?.restart(target.checked));
part("#sign-in").addEventListener("click", signIn);
part("#sign-out").addEventListener("click", signOut);
toggle.addEventListener("click", () => showPanel(panel.hidden));
part(".skip").addEventListener("click", () => showPanel(true));
for (const button of panel.querySelectorAll("[data-fault]")) button.addEventListener("click", () => breakOnPurpose(button));
acceptFiles(part("#file"), upload);
listen((news, id) => {
  if (news !== "signed-out") visit?.follow(news, id);
  else leave("You were signed out in another tab. This tab keeps nothing of the session either.");
});

showPanel(!narrow.matches);
try {
  const guest = await api.signedInGuest();
  if (guest) enter(guest);
  else part("#welcome").hidden = false;
} catch (error) {
  part("#welcome").hidden = false;
  fail(error);
}
