/** Loads the contestant that the address names, and offers the cases to whoever drives the browser. */

import * as counted from "./counted.js";
import { load } from "./contestants.js";
import * as eviction from "./eviction.js";
import * as sealedRecords from "./sealed-records.js";
import * as timed from "./timed.js";

const address = new URLSearchParams(location.search);
const loading = load(address.get("contestant"), Number(address.get("limit")));
const cases = { ...counted, ...eviction, ...sealedRecords, ...timed };

globalThis.measure = async (name, wanted) => cases[name](await loading, wanted);
