// msal for Node, led to API as its authority.

const { CryptoProvider, PublicClientApplication } = require("@azure/msal-node");

const api = process.env.API;
const scopes = ["Files.ReadWrite", "User.Read"];
const redirectUri = "http://localhost";

/** A token that Graph takes for Robin's. */
async function check(name, result) {
  const headers = { Authorization: `Bearer ${result.accessToken}` };
  const me = await (await fetch(`${api}/v1.0/me`, { headers })).json();
  if (!me.userPrincipalName?.startsWith("robin")) throw new Error(`${name}: ${JSON.stringify(me)}`);
  console.log("passed", name);
  return result;
}

async function main() {
  const app = new PublicClientApplication({
    auth: {
      clientId: "sim-client",
      authority: `${api}/common`,
      knownAuthorities: [new URL(api).host],
    },
  });

  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const url = await app.getAuthCodeUrl({
    scopes,
    redirectUri,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
  });
  const back = await fetch(`${url}&sim_auto=robin`, { redirect: "manual" });
  const code = new URL(back.headers.get("location")).searchParams.get("code");
  const request = { scopes, redirectUri, code, codeVerifier: verifier };
  const { account, accessToken } = await check("code", await app.acquireTokenByCode(request));

  const silent = await app.acquireTokenSilent({ account, scopes, forceRefresh: true });
  await check("silent", silent);
  if (silent.accessToken === accessToken) throw new Error("silent: it is the token from before");

  const device = await app.acquireTokenByDeviceCode({
    scopes,
    deviceCodeCallback: ({ verificationUri, userCode }) => {
      const body = new URLSearchParams({ user_code: userCode, account: "robin" });
      fetch(verificationUri, { method: "POST", body });
    },
  });
  await check("device", device);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
