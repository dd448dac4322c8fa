/** Whose client the components below use. */
import type { ReactNode } from "react";
import type { ViewClient } from "../view/index.js";
/** @import { ReactNode } from "react" */
/** @import { ViewClient } from "../view/index.js" */
export declare const ClientContext: import("react").Context<import("../view/view.js").ViewClient>;
/**
 * Give the components below a client of their own; without it they have that of the package's functions.
 *
 * @param {{client: ViewClient, children?: ReactNode}} props  the same client with each render
 */
export declare const PixstoreProvider: ({ client, children }: {
    client: ViewClient;
    children?: ReactNode;
}) => import("react").FunctionComponentElement<import("react").ProviderProps<import("../view/view.js").ViewClient>>;
