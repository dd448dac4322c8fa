/** The page: a list of cards, the upload zone, and two buttons for all cards at once. */

import { deleteCachedImage } from "/images/-/client/index.js";
import * as api from "./api.js";
import { Card } from "./card.js";
import { acceptFiles } from "./drop.js";
import { complain, say, sentence } from "./messages.js";

/** @import { Entry } from "./api.js" */

const gallery = document.querySelector("#gallery");

/** @type {Card[]} newest first, as on the page */
let cards = [];

async function start() {
  try {
    const entries = await api.listAll();
    cards = entries.map(createCard);
    gallery.append(...cards.map((card) => card.element));
    await Promise.all(cards.map((card, n) => card.show(entries[n])));
  } catch (error) {
    fail(error);
  }
  gallery.ariaBusy = "false";
  showCount();
}

/** @param {Entry} entry */
const createCard = (entry) => new Card(entry, { say, fail, onRemoved });

/** @param {Card} card */
function onRemoved(card) {
  const next = cards[cards.indexOf(card) + 1] ?? cards[cards.indexOf(card) - 1];
  cards = cards.filter((other) => other !== card);
  card.element.remove();
  (next?.element.querySelector("button[data-action=reload]") ?? document.querySelector("#file")).focus();
  say("Deleted.");
  showCount();
}

/** @param {File[]} files */
async function upload(files) {
  for (const file of files) {
    try {
      await add(await api.upload(file));
    } catch (error) {
      complain(`${file.name}: ${error.message}.`);
    }
  }
}

/** @param {Entry} entry */
async function add(entry) {
  const card = createCard(entry);
  cards.unshift(card);
  gallery.prepend(card.element);
  showCount();
  await card.show(entry);
  card.element.scrollIntoView({ block: "nearest" });
  say("Your picture was encrypted and stored.");
}

async function reloadAll() {
  const outcomes = await Promise.allSettled(cards.map((card) => card.reload()));
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed) fail(failed.reason);
  else say("All pictures are reloaded.");
}

async function emptyCache() {
  try {
    await Promise.all(cards.map(({ id }) => deleteCachedImage(id)));
    say("The cache is empty: Reload fetches again.");
  } catch (error) {
    fail(error);
  }
}

/** @param {Error} error */
const fail = ({ message }) => complain(sentence(message));

function showCount() {
  document.querySelector("#count").textContent = cards.length === 1 ? "1 picture" : `${cards.length} pictures`;
  document.querySelector("#empty").hidden = cards.length > 0;
}

acceptFiles(document.querySelector("#drop"), document.querySelector("#file"), upload);
document.querySelector("#reload-all").addEventListener("click", reloadAll);
document.querySelector("#empty-cache").addEventListener("click", emptyCache);
start();
