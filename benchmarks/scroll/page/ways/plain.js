/** What browsers do themselves: pictures in clear, each under its URL. */

export function show(main, records, size) {
  // Of one URL browsers keep one picture, even if a long page has it twice.
  const tile = ({ variants }, index) =>
    Object.assign(new Image(), { ...size, loading: "lazy", src: `/files/${variants.thumb.id}?${index}` });
  main.append(...records.map(tile));
}
