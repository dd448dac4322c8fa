/** Images under way: the callers of one version share one flight, which ends early where all of them have gone. */

/**
 * `isVoid`: the image was deleted meanwhile; it is delivered, and not kept. `stored` settles when it is kept.
 *
 * @template Plan
 * @typedef {Plan & {id: string, token: number, isVoid: boolean, waiting: number, controller: AbortController,
 *   image: Promise<Blob>, stored?: Promise<unknown>}} Flight
 */

/**
 * @template {{id: string, token: number}} Plan
 * @typedef {ReturnType<typeof createFlights<Plan>>} Flights
 */

/**
 * Make an empty set of flights.
 *
 * @template {{id: string, token: number}} Plan
 * @param {(flight: Flight<Plan>, signal: AbortSignal) => Promise<Blob>} fly
 */
export function createFlights(fly) {
  /** @type {Map<string, Flight<Plan>>} */
  const underWay = new Map();

  /** @param {Flight<Plan>} flight */
  function end(flight) {
    const name = nameOf(flight);
    if (underWay.get(name) === flight) underWay.delete(name);
  }

  /**
   * @param {Plan} plan
   * @returns {Flight<Plan>}
   */
  function start(plan) {
    const controller = new AbortController();
    const flight = /** @type {Flight<Plan>} */ ({ ...plan, isVoid: false, waiting: 0, controller });
    underWay.set(nameOf(flight), flight);
    const over = () => end(flight);
    flight.image = unlessAborted(controller.signal, () => fly(flight, controller.signal)).catch((error) => {
      over();
      throw error;
    });
    // Until it is stored, those who come find it here.
    flight.image.then(() => flight.stored).then(over, over);
    return flight;
  }

  /**
   * @param {Flight<Plan>} flight
   * @param {unknown} reason
   */
  function leave(flight, reason) {
    flight.waiting -= 1;
    if (flight.waiting) return;
    end(flight);
    flight.controller.abort(reason);
  }

  /** @param {Flight<Plan>[]} flights */
  function voidAll(flights) {
    for (const flight of flights) {
      flight.isVoid = true;
      end(flight);
    }
    return Promise.all(flights.map(({ stored }) => stored));
  }

  return {
    /**
     * The flight of this version, a new one where none is under way.
     *
     * @param {Plan} plan
     */
    of: (plan) => underWay.get(nameOf(plan)) ?? start(plan),

    start,

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
      return unlessAborted(signal, () => flight.image).catch((error) => {
        if (signal.aborted) leave(flight, signal.reason);
        throw error;
      });
    },

    /**
     * Keep nothing of the flights of an image; a later call starts a new one. Resolves when none of them stores any more.
     *
     * @param {string} id
     */
    void: (id) => voidAll([...underWay.values()].filter((flight) => flight.id === id)),

    /** The same for all images. */
    voidAll: () => voidAll([...underWay.values()]),

    /**
     * The same, and the flights end; those who wait are told the reason.
     *
     * @param {DOMException} reason
     */
    abortAll(reason) {
      const flights = [...underWay.values()];
      for (const { controller } of flights) controller.abort(reason);
      return voidAll(flights);
    },
  };
}

/** @param {{id: string, token: number}} version */
const nameOf = ({ id, token }) => `${id} ${token}`;

/**
 * What `work` resolves to, unless the signal is aborted before.
 *
 * @template Result
 * @param {AbortSignal} signal
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export function unlessAborted(signal, work) {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave);
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", leave));
  });
}
