/** What browsers do themselves: pictures in clear, each under its URL. */

export function show(main, records, size) {
  const tile = ({ variants }) =>
    Object.assign(new Image(), { ...size, loading: "lazy", src: `/files/${variants.thumb.id}` });
  main.append(...records.map(tile));
}
