/** The recipes of docs/frameworks.md in a page, and their shared parts. */

import { render } from "@testing-library/react";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement as h } from "react";

import * as query from "docs/frameworks.md?// tanstack-query.jsx";
import * as swr from "docs/frameworks.md?// swr.jsx";

export { cleanup, fireEvent } from "@testing-library/react";
export { initPixstoreFrontend } from "pixstore-asgi-client";

/** Each gives its page and the recipe's functions. */
export const RECIPES = {
  "TanStack Query"() {
    const queries = new QueryClient();
    const page = h(QueryClientProvider, { client: queries }, h(query.Pictures));
    return {
      page: render(page).container,
      replacePicture: (picture) => query.replacePicture(queries, picture),
      signOut: () => query.signOut(queries),
      end: () => queries.clear(),
    };
  },
  SWR: () => ({ page: render(h(swr.Pictures)).container, ...swr, end: () => {} }),
};
