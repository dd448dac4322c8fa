/** Images under way: the callers of one version share one flight, which ends early where all of them have gone. */

import { unlessAborted } from "../abort.js";
import { risingTime } from "../clock.js";

/**
 * `since`: when it was asked for, by the rising clock. `isVoid`: the image was deleted meanwhile; it is delivered, and not
 * kept. `stored` settles when it is kept.
 *
 * @template Plan
 * @typedef {Plan & {id: string, token: number, since: number, isVoid: boolean, waiting: number,
 *   controller: AbortController, image: Promise<Blob>, stored?: Promise<unknown>}} Flight
 */

/**
 * @template {{id: string, token: number, since: number}} Plan
 * @typedef {ReturnType<typeof createFlights<Plan>>} Flights
 */

/**
 * Make an empty set of flights.
 *
 * @template {{id: string, token: number, since: number}} Plan
 * @param {(flight: Flight<Plan>, signal: AbortSignal) => Promise<Blob>} fly
 */
export function createFlights(fly) {
  /** @type {Map<string, Flight<Plan>>}  those that are boarded */
  const boarding = new Map();
  /** @type {Set<Flight<Plan>>}  every one that is not over */
  const underWay = new Set();
  let voidedAt = 0;
  let abortedAt = 0;
  /** @type {DOMException | undefined} */
  let abortion;

  /** @param {Flight<Plan>} flight */
  function shut(flight) {
    const name = nameOf(flight);
    if (boarding.get(name) === flight) boarding.delete(name);
  }

  /**
   * @param {Plan} plan
   * @returns {Flight<Plan>}
   */
  function start(plan) {
    const controller = new AbortController();
    // Whoever waited for another one which failed may have been asking since before a delete.
    const isVoid = plan.since < voidedAt;
    const flight = /** @type {Flight<Plan>} */ ({ ...plan, isVoid, waiting: 0, controller });
    underWay.add(flight);
    if (!isVoid) boarding.set(nameOf(flight), flight);
    flight.image = unlessAborted(controller.signal, () => fly(flight, controller.signal)).catch((error) => {
      shut(flight);
      throw error;
    });
    const over = () => {
      shut(flight);
      underWay.delete(flight);
    };
    // Until it is stored, those who come find it here.
    flight.image.then(() => flight.stored).then(over, over);
    return flight;
  }

  /**
   * Keep nothing of the flights of an image, or of all; a later call starts a new one.
   *
   * @param {string} [id]
   */
  function voidAll(id) {
    voidedAt = risingTime();
    for (const flight of underWay) {
      if (id && flight.id !== id) continue;
      flight.isVoid = true;
      shut(flight);
    }
  }

  return {
    /**
     * The flight of this version, a new one where none is under way.
     *
     * @param {Plan} plan
     * @throws {DOMException} the reason, where all were aborted since it was asked for
     */
    of(plan) {
      if (plan.since < abortedAt) throw abortion;
      return boarding.get(nameOf(plan)) ?? start(plan);
    },

    /**
     * Wait for a flight.
     *
     * @param {Flight<Plan>} flight
     * @param {AbortSignal | undefined} signal
     */
    board(flight, signal) {
      flight.waiting += 1;
      // Whoever can't leave keeps it under way.
      if (!signal) return flight.image;
      // Of a signal of its own, since Node.js warns of eleven who listen to one.
      return unlessAborted(AbortSignal.any([signal]), () => flight.image).catch((error) => {
        if (signal.aborted && !(flight.waiting -= 1)) {
          shut(flight);
          flight.isVoid = true;
          flight.controller.abort(signal.reason);
        }
        throw error;
      });
    },

    voidAll,

    /**
     * End all; those who wait are told the reason, and so are those who were asking before and come again.
     *
     * @param {DOMException} reason
     * @param {number} [at]  Infinity: nobody starts any more
     */
    abortAll(reason, at = risingTime()) {
      if (at > abortedAt) [abortedAt, abortion] = [at, reason];
      voidAll();
      for (const { controller } of underWay) controller.abort(reason);
    },
  };
}

/** @param {{id: string, token: number}} version */
const nameOf = ({ id, token }) => `${id} ${token}`;
