/// Names of environment variables that change how a process loads or runs code.
public enum DangerousName {
  /// Exact names, and prefixes that end in `*`. Sources: ld.so(8), dash(1), bash(1), and the manuals of the runtimes named.
  public static let patterns: [String] = [
    "LD_*", "DYLD_*", "GCONV_PATH", "LOCPATH", "NLSPATH", "MALLOC_*", "GLIBC_TUNABLES",
    "GETCONF_DIR", "BASH_ENV", "BASH_FUNC_*", "BASHOPTS", "SHELLOPTS", "ENV", "IFS", "PS4", "PROMPT_COMMAND", "CDPATH",
    "PATH", "SHELL", "EDITOR", "VISUAL", "PAGER", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP",
    "PYTHONINSPECT", "PYTHONUSERBASE", "NODE_OPTIONS", "NODE_PATH", "RUBYOPT", "RUBYLIB",
    "PERL5OPT", "PERL5LIB", "PERLLIB", "PERL5DB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH",
    "PHPRC", "PHP_INI_SCAN_DIR", "LUA_PATH*", "LUA_CPATH*", "LUA_INIT*", "DOTNET_STARTUP_HOOKS", "CORECLR_*",
    "COR_ENABLE_PROFILING", "COR_PROFILER*", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF",
    "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
  ]

  public static func contains(_ name: String) -> Bool {
    patterns.contains { NamePattern.matches(name, $0) }
  }
}
