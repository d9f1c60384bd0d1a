import SecretBytes

/// How the page looks: in the system's own font, light or dark as the reader has it, from 360 pixels upwards.
enum StatusPageStyle {
  /// The whole text of the page's `style` element.
  static let sheet: StaticString = """

    :root {
      --back: #f4f6f8; --card: #fff; --text: #1a2330; --soft: #5a6675; --line: #e2e7ec; --track: #e8ecf0;
      --good: #1a7f4b; --warn: #8f5b00; --bad: #c02b26; --mute: #5f6b79;
      --good-back: #e3f4ea; --warn-back: #fdf0d5; --bad-back: #fde8e6; --mute-back: #eceff3;
      color-scheme: light dark;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --back: #0e131a; --card: #161d27; --text: #e3e9f0; --soft: #9aa7b6; --line: #263140; --track: #263140;
        --good: #4cc38a; --warn: #e3ae4b; --bad: #ff857c; --mute: #9aa7b6;
        --good-back: #12301f; --warn-back: #33270d; --bad-back: #3a1917; --mute-back: #222c39;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0 auto; padding: 1.25rem 1.5rem 3rem; max-width: 82rem; background: var(--back); color: var(--text);
      font: 0.875rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
    }
    header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.25rem 1rem; padding: 0 0.25rem 0.9rem; }
    h1 { margin: 0; font-size: 1.05rem; font-weight: 650; letter-spacing: -0.01em; }
    header p { margin: 0; color: var(--soft); }
    header b { color: var(--text); font-weight: 600; }
    .version { margin-left: 0.75rem; }
    .moment { margin-left: auto; }
    .card {
      margin: 0 0 1rem; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
      border-radius: 0.6rem;
    }
    h2 { margin: 0 0 0.6rem; font-size: 0.95rem; font-weight: 650; }
    .headline { border-left: 0.3rem solid var(--tone); }
    .headline h2 { margin: 0; font-size: 1.5rem; font-weight: 650; letter-spacing: -0.02em; }
    .counts { display: flex; flex-wrap: wrap; gap: 0.2rem 1.6rem; margin: 0.35rem 0 0.8rem; padding: 0; list-style: none; }
    .counts li { color: var(--soft); }
    .counts b { color: var(--tone); font-weight: 650; font-size: 1.05rem; }
    .good { --tone: var(--good); --shade: var(--good-back); }
    .warn { --tone: var(--warn); --shade: var(--warn-back); }
    .bad { --tone: var(--bad); --shade: var(--bad-back); }
    .mute { --tone: var(--mute); --shade: var(--mute-back); }
    .plain { --tone: var(--text); }
    rect { fill: var(--tone); }
    .shares { display: block; width: 100%; height: 0.5rem; border-radius: 0.25rem; background: var(--track); }
    .problems { margin: 0; padding: 0; list-style: none; }
    .problems li { padding: 0.45rem 0 0.45rem 0.75rem; border-left: 0.2rem solid var(--bad); margin-bottom: 0.4rem; }
    .problems li:last-child { margin-bottom: 0; }
    .problems b { display: block; font-weight: 600; }
    table { width: 100%; border-collapse: collapse; }
    th, td { padding: 0.5rem 0.9rem 0.5rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
    tr > :last-child { padding-right: 0; }
    thead th { padding-top: 0; border: 0; color: var(--soft); font-size: 0.78rem; font-weight: 500; white-space: nowrap; }
    tbody th { font-weight: 600; min-width: 14rem; max-width: 34rem; }
    td { min-width: 3.5rem; }
    small { display: block; color: var(--soft); font-size: 0.8rem; font-weight: 400; }
    small.bad { color: var(--bad); }
    .pill {
      display: inline-block; padding: 0.05rem 0.55rem; border-radius: 1rem; background: var(--shade); color: var(--tone);
      font-size: 0.8rem; font-weight: 600; white-space: nowrap;
    }
    .age { white-space: nowrap; }
    .age svg {
      display: inline-block; width: 5.5rem; height: 0.4rem; margin-right: 0.6rem; border-radius: 0.2rem;
      background: var(--track); vertical-align: middle;
    }
    .failing .age svg { background: var(--bad-back); }
    .stale .age svg, .late .age svg { background: var(--warn-back); }
    .short { max-width: 8rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .more { margin: 0.75rem 0 0; color: var(--soft); }
    code { font-family: ui-monospace, "SF Mono", Menlo, "Liberation Mono", monospace; font-size: 0.92em; }
    @media (max-width: 56rem) {
      body { padding: 0.9rem 0.75rem 2rem; }
      .moment { margin-left: 0; }
      .card { padding: 0.85rem 0.9rem; }
      .headline h2 { font-size: 1.25rem; }
      table, tbody, tr, th, td { display: block; min-width: 0; max-width: none; padding: 0; border: 0; }
      thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
      tbody tr { display: flex; flex-wrap: wrap; gap: 0.15rem 1rem; padding: 0.6rem 0; border-top: 1px solid var(--line); }
      tbody tr:last-child { padding-bottom: 0; }
      tbody th { flex: 1 1 60%; }
      tbody th + td { flex: 0 0 auto; }
      td.age { flex: 0 0 auto; }
      td[data-name] { max-width: 100%; }
      td[data-name]::before { content: attr(data-name) " "; color: var(--soft); }
      td.age::before { content: ""; }
      td.none { display: none; }
    }

    """

  /// The style's hash as a Content-Security-Policy names it (https://www.w3.org/TR/CSP3/#match-element-to-source-list).
  static let hash: String = {
    let digest = SHA256.digest(SecretBytes(sheet.description))
    return "sha256-\(Base64.encode(SecretBytes(digest)).unsafeString() ?? "")"
  }()
}
