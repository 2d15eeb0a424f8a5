// What every page gets where script runs. Nothing needs it.
import { showLocalTimes } from "./times.js";
import { offerCopies } from "./copy.js";
import { followParts } from "./follow.js";

showLocalTimes(document);
offerCopies(document);
followParts(document);
document.querySelector(".error-summary")?.focus();
