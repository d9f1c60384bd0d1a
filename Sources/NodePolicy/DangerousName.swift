/// Names of environment variables that change how a process loads or runs code, whom it trusts, or where it leaves what it knows.
///
/// By prefix only where a program's own documents give it the whole of it: a name such as `GIT_TOKEN` or `BUNDLE_GITHUB__COM` is where
/// people keep secrets. Proxies and places of data (`HTTPS_PROXY`, `KUBECONFIG`) load nothing, and may hold a credential.
public enum DangerousName {
  public static func contains(_ name: String) -> Bool {
    exact.contains(name) || prefixes.contains { name.hasPrefix($0) }
  }

  /// Names that begin so.
  static let prefixes = [
    // ld.so(8), those of other systems (sudo's env.c, initial_badenv_table), and malloc's (glibc's unsecvars.h).
    "LD_", "DYLD_", "LDR_", "_RLD", "MALLOC_",
    // bash(1): BASH_ENV, BASH_FUNC_…, BASH_LOADABLES_PATH, BASH_XTRACEFD.
    "BASH_",
    // krb5.conf(5) may name plugins.
    "KRB5_CONFIG",
    // python(1), perlrun(1), Lua's and R's manuals.
    "PYTHON", "PERL5", "PERLIO", "LUA_PATH", "LUA_CPATH", "LUA_INIT", "R_LIBS", "R_PROFILE", "R_ENVIRON",
    // .NET's runtime takes each of its settings from DOTNET_… or COMPlus_…, a profiler from CORECLR_… or COR_….
    "DOTNET_", "COMPlus_", "CORECLR_", "COR_PROFILER", "ASPNETCORE_HOSTINGSTARTUP",
    // erl(1), and releases' start scripts.
    "ERL_", "RELEASE_BOOT_SCRIPT",
    // npm takes each of its settings from these, script-shell and node-options among them.
    "NPM_CONFIG_", "npm_config_",
    // Bundler: settings that name files, folders, sources and build flags.
    "BUNDLE_BIN", "BUNDLE_BUILD", "BUNDLE_LOCAL", "BUNDLE_MIRROR", "BUNDLE_PLUGINS", "BUNDLE_USER_", "BUNDLER_",
    // git(1) and git-config(1): GIT_CONFIG_COUNT and its pairs, GIT_CONFIG_GLOBAL, GIT_SSH_COMMAND, GIT_SSL_NO_VERIFY, GIT_TRACE….
    "GIT_CONFIG", "GIT_SSH", "GIT_SSL_", "GIT_TRACE", "GIT_ALTERNATE_", "GIT_ATTR_",
    // Modules of GTK, GLib, GStreamer and Qt.
    "GTK_", "GTK2_", "GTK3_", "GDK_PIXBUF_", "GIO_", "GST_PLUGIN_", "GST_REGISTRY", "QT_QPA_",
    // Of cargo and rustc.
    "RUSTC", "CARGO_BUILD_", "CARGO_TARGET_",
  ]

  static let exact: Set<String> = [
    // glibc's unsecvars.h, and sudo's list.
    "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NIS_PATH", "NLSPATH",
    "PATH_LOCALE", "RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR", "TZDIR", "SHLIB_PATH", "LIBPATH", "AUTHSTATE",
    "KRB5_KTNAME", "VAR_ACE", "USR_ACE", "DLC_ACE", "TERMINFO", "TERMINFO_DIRS", "TERMPATH", "TERMCAP",
    // Shells: dash(1), bash(1), zshparam(1).
    "PATH", "ENV", "IFS", "CDPATH", "SHELL", "SHELLOPTS", "BASHOPTS", "GLOBIGNORE", "EXECIGNORE", "PROMPT_COMMAND",
    "PS0", "PS1", "PS2", "PS3", "PS4", "HISTFILE", "INPUTRC", "FPATH", "NULLCMD", "READNULLCMD", "ZDOTDIR",
    "TMPPREFIX",
    // Where programs look for what they run at their start.
    "HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS",
    // Programs that others start.
    "EDITOR", "VISUAL", "SUDO_EDITOR", "PAGER", "MANPAGER", "BROWSER", "LESSOPEN", "LESSCLOSE", "SUDO_ASKPASS",
    "SSH_ASKPASS", "VIMINIT", "EXINIT", "GVIMINIT", "EMACSLOADPATH", "MAKEFLAGS", "MFLAGS", "MAKEFILES",
    "GCC_EXEC_PREFIX", "COMPILER_PATH", "LIBRARY_PATH",
    // JVM: the java command's manual, the JVM tool interface's specification, start scripts of servers and build tools.
    "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JDK_JAVAC_OPTIONS", "IBM_JAVA_OPTIONS",
    "OPENJ9_JAVA_OPTIONS", "CLASSPATH", "JAVA_HOME", "JRE_HOME", "JAVA_OPTS", "CATALINA_OPTS", "MAVEN_OPTS",
    "GRADLE_OPTS", "SBT_OPTS",
    // Node.js: its manual's list of variables; package managers.
    "NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_REPL_EXTERNAL_MODULE",
    "NODE_REPL_HISTORY", "NODE_ICU_DATA", "NODE_V8_COVERAGE", "NODE_REDIRECT_WARNINGS", "NODE_COMPILE_CACHE",
    "ELECTRON_RUN_AS_NODE", "YARN_RC_FILENAME", "YARN_YARN_PATH", "YARN_PLUGINS", "COREPACK_HOME",
    // Perl, Ruby.
    "PERLLIB", "RUBYOPT", "RUBYLIB", "RUBYSHELL", "RUBYPATH", "GEM_HOME", "GEM_PATH", "GEM_SPEC_CACHE", "GEMRC",
    "BUNDLE_GEMFILE", "BUNDLE_PATH", "BUNDLE_APP_CONFIG", "BUNDLE_CONFIG",
    // PHP, R, Tcl, Guile, Julia, OCaml.
    "PHPRC", "PHP_INI_SCAN_DIR", "R_HOME", "R_DEFAULT_PACKAGES", "TCLLIBPATH", "TCL_LIBRARY", "GUILE_LOAD_PATH",
    "GUILE_LOAD_COMPILED_PATH", "JULIA_LOAD_PATH", "JULIA_DEPOT_PATH", "CAML_LD_LIBRARY_PATH", "OCAMLRUNPARAM",
    // .NET, Erlang and Elixir.
    "COR_ENABLE_PROFILING", "NUGET_PLUGIN_PATHS", "ELIXIR_ERL_OPTIONS", "MIX_HOME", "MIX_EXS", "RELEASE_VM_ARGS",
    "RELEASE_SYS_CONFIG", "VMARGS_PATH", "RELX_CONFIG_PATH",
    // Go: GODEBUG takes back what newer releases made safe, GOTRACEBACK makes core dumps. Rust, Swift, LLVM.
    "GODEBUG", "GOTRACEBACK", "GOFLAGS", "GOENV", "GOROOT", "GOPATH", "GOTOOLCHAIN", "CARGO_HOME", "RUSTFLAGS",
    "SWIFT_BACKTRACE", "LLVM_PROFILE_FILE", "ASAN_OPTIONS", "LSAN_OPTIONS", "MSAN_OPTIONS", "TSAN_OPTIONS",
    "UBSAN_OPTIONS",
    // git.
    "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "GIT_TEMPLATE_DIR", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PAGER",
    "GIT_ASKPASS", "GIT_PROXY_COMMAND", "GIT_ALLOW_PROTOCOL", "GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE",
    "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
    // Plugins of graphics, of databases' clients, of SASL.
    "GI_TYPELIB_PATH", "QT_PLUGIN_PATH", "QML_IMPORT_PATH", "QML2_IMPORT_PATH", "LIBGL_DRIVERS_PATH",
    "LIBVA_DRIVERS_PATH", "VK_ICD_FILENAMES", "VK_DRIVER_FILES", "VK_LAYER_PATH", "VK_INSTANCE_LAYERS",
    "OCL_ICD_VENDORS", "LIBMYSQL_PLUGINS", "LIBMYSQL_PLUGIN_DIR", "SASL_PATH",
    // openssl-env(7), and whom TLS trusts or tells its keys.
    "OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_MODULES", "OPENSSL_ENGINES", "SSLKEYLOGFILE", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
  ]
}
