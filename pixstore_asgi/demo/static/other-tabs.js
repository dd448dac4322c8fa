/**
 * What tabs tell each other: that a picture was added, changed or removed, and that the session has ended. A message
 * carries an id and nothing else; whoever wants to see the picture asks the server for a record of its own.
 */

const channel = new BroadcastChannel("pixstore-demo");

/** @typedef {"added" | "changed" | "removed" | "signed-out"} News */

/**
 * @param {News} news
 * @param {string} [id]
 */
export const tellOthers = (news, id) => channel.postMessage({ news, id });

/** @param {(news: News, id: string | undefined) => void} onNews */
export function listen(onNews) {
  channel.onmessage = ({ data }) => {
    const { news, id } = Object(data);
    onNews(news, id);
  };
}
