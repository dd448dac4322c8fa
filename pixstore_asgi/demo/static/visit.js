/** One session on the page, from sign-in to sign-out. */

import * as api from "./api.js";
import { breakOnPurpose } from "./breakage.js";
import { Detail } from "./detail.js";
import { Gallery } from "./gallery.js";
import { Journal } from "./journal.js";
import { Kept } from "./kept.js";
import { Log } from "./log.js";
import { fail, say } from "./messages.js";
import { tellOthers } from "./other-tabs.js";
import { GoneError, Records } from "./records.js";
import { Savings } from "./savings.js";
import { createSessionClient } from "./session-client.js";
import { tap } from "./tap.js";
import { Uploads } from "./uploads.js";

/** @import { News } from "./other-tabs.js" */
/** @import { PictureView } from "./picture-view.js" */
/** @import { Session, Tile } from "./tile.js" */

export class Visit {
  #ending = new AbortController();
  /** @type {Session} */
  #session;
  #gallery;
  #detail;
  #uploads;
  #onSignedOut;

  /**
   * @param {HTMLElement} section
   * @param {string} guest  whose session it is
   * @param {(reason: string) => void} onSignedOut  called where the session turns out to have ended
   */
  constructor(section, guest, onSignedOut) {
    const { signal } = this.#ending;
    this.#onSignedOut = onSignedOut;
    const onEnded = () => this.#fail(new api.SignedOutError());
    this.#session = begin(section.querySelector("#panel"), guest, signal, onEnded);
    this.#detail = new Detail(section.querySelector("#detail"), (...action) => this.#act(...action), this.#session);
    this.#gallery = new Gallery(section, this.#session, {
      onFailure: (error) => this.#fail(error),
      onOpen: (tile) => this.#detail.open(tile),
    });
    this.#uploads = new Uploads(section.querySelector("#uploads"), signal, (entry, uploaded) => {
      this.#session.uploaded.set(entry.record.id, uploaded);
      this.#session.journal.change(entry.title, "Uploaded by this tab.");
      this.#gallery.add(entry);
      tellOthers("added", entry.record.id);
    });
  }

  /** @param {boolean} isSealed  whether the records are sealed to this page */
  start(isSealed) {
    this.#seal(isSealed);
    return this.#gallery.start().catch((error) => this.#fail(error));
  }

  /**
   * Load everything again, by records of this kind.
   *
   * @param {boolean} isSealed
   */
  async restart(isSealed) {
    this.#seal(isSealed);
    this.#session.log.renew();
    await this.#gallery.reload().catch((error) => this.#fail(error));
  }

  /** @param {boolean} isSealed */
  #seal(isSealed) {
    api.askForRecordsWith(isSealed ? this.#session.client.recipientHeaders : async () => ({}));
  }

  /**
   * @param {File[]} files
   * @param {boolean} strips  whether their metadata is to be removed
   */
  upload(files, strips) {
    this.#uploads.start(files, strips);
  }

  /** @param {"expire" | "truncate" | "restart"} fault */
  async breakOnPurpose(fault) {
    try {
      return await breakOnPurpose(fault, this.#gallery, this.#session);
    } catch (error) {
      this.#fail(error);
      return "";
    }
  }

  /**
   * Follow what another tab did.
   *
   * @param {News} news
   * @param {string} id
   */
  async follow(news, id) {
    const tile = this.#gallery.find(id);
    if (news !== "removed") await this.#gallery.refresh(id);
    else await tile?.forget();
    const title = this.#gallery.find(id)?.title ?? tile?.title;
    if (!title) return;
    const what = { added: "Added", changed: "Updated", removed: "Deleted" }[news];
    this.#session.journal.change(title, `${what} by another tab.`);
    say(`${title} was ${what.toLowerCase()} in another tab.`);
  }

  /** Leave nothing of this session in the page and in the cache. */
  async end() {
    this.#detail.close();
    this.#ending.abort();
    this.#gallery.close();
    this.#session.journal.empty();
    this.#session.savings.empty();
    this.#session.log.empty();
    this.#session.uploaded.clear();
    document.querySelectorAll("#uploads > *, #toasts > *").forEach((element) => element.remove());
    await this.#session.client.clear();
  }

  #actions = {
    /** @type {(tile: Tile, view: PictureView) => Promise<void>} */
    open: (tile, view) => tile.open(view),

    /** @param {Tile} tile */
    show: (tile) => tile.showAgain(),

    /** @param {Tile} tile */
    fetch: (tile) => tile.showFetched(),

    /** @param {Tile} tile */
    update: (tile) => tile.update(() => tellOthers("changed", tile.id)),

    /** @param {Tile} tile */
    async remove(tile) {
      const next = tile.element.nextElementSibling ?? tile.element.previousElementSibling;
      await tile.remove(() => tellOthers("removed", tile.id));
      (next?.querySelector("button") ?? document.querySelector("#file")).focus();
    },
  };

  /**
   * Run an action of the dialog, and say what became of it.
   *
   * @param {"open" | "show" | "fetch" | "update" | "remove"} name
   * @param {Tile} tile
   * @param {PictureView} view  of the dialog
   */
  async #act(name, tile, view) {
    try {
      await this.#actions[name](tile, view);
      if (name !== "open" || tile.isOpen) say(`${tile.title}: ${tile.outcome}.`);
    } catch (error) {
      if (error instanceof GoneError) await tile.forget();
      else this.#fail(error);
    }
  }

  /** @param {Error} error */
  #fail(error) {
    if (this.#ending.signal.aborted) return;
    if (error instanceof api.SignedOutError) this.#onSignedOut("This session has ended.");
    else fail(error);
  }
}

/**
 * @param {HTMLElement} panel
 * @param {string} guest
 * @param {AbortSignal} signal
 * @param {() => void} onSignedOut
 * @returns {Session}
 */
function begin(panel, guest, signal, onSignedOut) {
  const journal = new Journal(panel);
  const savings = new Savings(panel);
  const log = new Log(panel);
  const kept = new Kept(panel, signal);
  const records = new Records(signal, (count, bytes, ms) => journal.records(count, bytes, ms));
  const client = createSessionClient({ guest, records, onCacheError: (error) => kept.complain(error) });
  kept.follow(client);
  tap.addEventListener("request", () => journal.request(), { signal });
  return { client, records, journal, log, savings, uploaded: new Map(), signal, onSignedOut };
}
