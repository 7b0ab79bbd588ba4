/** Asks for the token of a codec server. */
export const LOGIN_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Wflo codec server</title>
<style>body { font: 16px system-ui; max-width: 32rem; margin: 4rem auto; padding: 0 1rem } input { font: inherit; width: 100%; margin: .5rem 0 }</style>
<h1>Wflo codec server</h1>
<form method="post" action="/">
  <label>Token<input name="token" type="password" autocomplete="off" required autofocus></label>
  <button>Let this browser read</button>
</form>
<p>In the Web UI, set this address as the codec endpoint and include cross-origin credentials.</p>
</html>
`;
