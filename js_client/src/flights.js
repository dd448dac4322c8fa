/** Images under way: callers of one version share one download, and a delete voids what is not stored yet. */

/**
 * @typedef {object} FlightPlan
 * @property {string} id
 * @property {number} token
 * @property {string} proof
 * @property {unknown} context  as handed to the fetcher
 */

/**
 * `isVoid`: the image was deleted meanwhile; it is delivered, and not stored. `stored` settles when the storing that
 * has begun is over.
 *
 * @typedef {FlightPlan & {isVoid: boolean, image: Promise<Blob>, stored?: Promise<void>}} Flight
 */

/** Make an empty set of flights. */
export function createFlights() {
  /** @type {Map<string, Flight>} */
  const underWay = new Map();

  /** @param {Flight} flight */
  function end(flight) {
    const name = nameOf(flight);
    if (underWay.get(name) === flight) underWay.delete(name);
  }

  return {
    /**
     * The flight of this version, if one is under way.
     *
     * @param {{id: string, token: number}} version
     */
    find: (version) => underWay.get(nameOf(version)),

    /**
     * Start a flight. A failure ends it; a success leaves it under way until `end` is called.
     *
     * @param {FlightPlan} plan
     * @param {(flight: Flight) => Promise<Blob>} load
     * @returns {Flight}
     */
    start(plan, load) {
      const flight = /** @type {Flight} */ ({ ...plan, isVoid: false });
      underWay.set(nameOf(flight), flight);
      flight.image = load(flight).catch((error) => {
        end(flight);
        throw error;
      });
      return flight;
    },

    end,

    /**
     * Void every flight of an image, or of all images; a later request starts a new one. Resolves when none of them
     * stores any more.
     *
     * @param {string} [id]
     */
    async voidAll(id) {
      const flights = [...underWay.values()].filter((flight) => id === undefined || flight.id === id);
      for (const flight of flights) {
        flight.isVoid = true;
        end(flight);
      }
      await Promise.all(flights.map((flight) => flight.stored));
    },
  };
}

/** @param {{id: string, token: number}} version */
const nameOf = ({ id, token }) => `${id} ${token}`;
