/** Offers plain images to the tests: they call these functions. */

import { createClient } from "/images/-/client/index.js";
import { registerImageWorker } from "/images/-/client/image-worker.js";

const { serviceWorker } = navigator;
const client = createClient();
const addressOf = (id) => `/images/-/image/${id}`;

/** Whether image addresses work, or why the browser says that they don't. */
async function register(options) {
  let reason;
  const onError = ({ name, message }) => (reason = `${name}: ${message}`);
  const works = await registerImageWorker({ recordsUrl: "/records", onError, ...options });
  return works || (reason ?? false);
}

/** Show an image by its address; gives its width, or "error". */
const show = (id, changes = {}) =>
  new Promise((resolve) => {
    const image = document.body.appendChild(Object.assign(new Image(), changes));
    image.onload = () => resolve(image.naturalWidth);
    image.onerror = () => resolve("error");
    image.src = addressOf(id);
  });

/** Show images below one another, each as high as half a screen, and leave it to the browser when. */
function showLazily(ids) {
  const list = ids.map((id) => Object.assign(new Image(), { loading: "lazy", width: 48, height: 400, src: addressOf(id) }));
  list.forEach((image) => Object.assign(image.style, { display: "block" }));
  document.body.append(...list);
}

/** Show an image as a background; gives when the browser has it. */
async function background(id) {
  const place = document.body.appendChild(document.createElement("div"));
  const url = new URL(addressOf(id), location.href).href;
  Object.assign(place.style, { width: "48px", height: "48px", backgroundImage: `url("${url}")` });
  while (!performance.getEntriesByName(url).length) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Fetch an address as a script of the page. */
async function answer(id, init) {
  const response = await fetch(addressOf(id), init);
  return { status: response.status, text: await response.text(), headers: Object.fromEntries(response.headers) };
}

/** Embed an address as something else than an image; gives the event that comes of it. */
const embed = (kind, id) =>
  new Promise((resolve) => {
    const element = document.createElement(kind);
    for (const type of ["load", "error"]) element.addEventListener(type, () => resolve(type));
    Object.assign(element, kind === "object" ? { data: addressOf(id) } : { src: addressOf(id) });
    document.body.append(element);
  });

/** Be a page without workers again, from the next load on. */
async function unregisterAll() {
  for (const registration of await serviceWorker.getRegistrations()) await registration.unregister();
}

/** Look for a newer worker, and wait until it has taken over. */
async function updateWorker() {
  const registration = await serviceWorker.getRegistration("/");
  const before = registration.active;
  await registration.update();
  while (registration.active === before) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The result of register in a restricted frame. */
const registerInFrame = (sandbox) =>
  new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", sandbox);
    addEventListener("message", ({ data }) => resolve(data), { once: true });
    frame.src = "/plain-frame.html";
    document.body.append(frame);
  });

const isControlled = () => Boolean(serviceWorker?.controller);
const post = (path) => fetch(path, { method: "POST" });

Object.assign(globalThis, {
  answer, background, client, embed, isControlled, post, register, registerInFrame, show, showLazily, unregisterAll,
  updateWorker,
});
