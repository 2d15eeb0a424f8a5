// What every page gets where script runs. Nothing needs it.
import { showLocalTimes } from "./times.js";
import { offerCopies } from "./copy.js";

showLocalTimes(document);
offerCopies(document);
document.querySelector(".error-summary")?.focus();
