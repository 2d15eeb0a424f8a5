// An OpenID Connect provider for the tests: oidc-provider with its own pages for signing in and consenting.
// Arguments: the port, a JSON file with its clients, and a JSON file with the people, read at each sign-in.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, clientsFile, peopleFile, home] = process.argv.slice(2);
const require = createRequire(`${home}/package.json`);
const { Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);
const read = (file) => JSON.parse(readFileSync(file, "utf-8"));

const provider = new Provider(`http://localhost:${port}`, {
  clients: read(clientsFile),
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email"] },
  conformIdTokenClaims: false,
  // Without its guard against addresses inside a network: the gateway is on this machine.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  findAccount: (ctx, id) => {
    const person = read(peopleFile)[id];
    return person && { accountId: id, claims: () => ({ sub: id, ...person }) };
  },
});
provider.on("backchannel.error", (ctx, error) => console.error(error));
provider.on("server_error", (ctx, error) => console.error(error));
provider.listen(Number(port), "localhost", () => console.log("listening"));
