/** The acceptance list's page in Svelte. */

import { offer } from "/acceptance.js";
import * as client from "pixstore-asgi-client";
import { flushSync, mount } from "svelte";

import Pictures from "./Pictures.svelte";
import { stateOf } from "./state.js";

const failures = new Map();
const page = mount(Pictures, { target: document.querySelector("main"), props: { failures } });

const render = (pictures) => flushSync(() => page.show(pictures));

offer({ render, ...stateOf(failures) }, client);
