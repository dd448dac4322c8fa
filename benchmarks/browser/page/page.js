/** Loads the contestant that the address names, and offers the cases to whoever drives the browser. */

import * as cases from "./cases.js";
import { load } from "./contestants.js";

const loading = load(new URLSearchParams(location.search).get("contestant"));

globalThis.measure = async (name, wanted) => cases[name](await loading, wanted);
