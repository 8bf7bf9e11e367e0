/** Builds the images of the virtual machines if they are missing: a separate program, which the runner of the tests starts. */

import { provideImages } from "./images.ts";

const encoder = new TextEncoder();
await provideImages((text) => void Deno.stdout.writeSync(encoder.encode(text)));
