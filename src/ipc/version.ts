/** The program's version, from the one place where it is written down. */

import config from "../../deno.json" with { type: "json" };

export const VERSION: string = config.version;
