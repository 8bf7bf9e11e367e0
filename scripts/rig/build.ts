/** Builds what the virtual machines boot from, unless that was done: as a program of its own, for the runner of the tests. */

import { provideImages } from "./images.ts";

const encoder = new TextEncoder();
await provideImages((text) => void Deno.stdout.writeSync(encoder.encode(text)));
