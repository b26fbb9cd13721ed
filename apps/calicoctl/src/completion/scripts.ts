/*
 * What a shell runs to complete: it asks `calicoctl __complete WORD...`, whose last word is the one to complete, for
 * lines of a word and, after a tab, what it means. The line `:files` alone asks the shell for names of files.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** Bash breaks words at `=` and `:` of COMP_WORDBREAKS, so that only what follows those may be given back. */
const bash = `# bash completion for calicoctl: source <(calicoctl completion bash)
_calicoctl() {
  local line=\${COMP_LINE:0:COMP_POINT} lines cur=\${COMP_WORDS[COMP_CWORD]} words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local whole=\${words[-1]}
  local head=\${whole%"\${whole##*[=:]}"}
  mapfile -t lines < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
  COMPREPLY=()
  if [[ \${lines[0]} == :files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "\${whole#"$head"}")
    return
  fi
  local word
  for word in "\${lines[@]}"; do
    word=\${word%%$'\\t'*}
    [[ $word == "$whole"* ]] && COMPREPLY+=("\${word#"$head"}")
  done
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}
complete -F _calicoctl calicoctl
`;

const zsh = `#compdef calicoctl
# zsh completion for calicoctl: source <(calicoctl completion zsh), or save it as _calicoctl in $fpath
_calicoctl() {
  local -a lines described plain
  local line word
  lines=("\${(@f)$(\${words[1]} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${lines[1]} == :files ]]; then
    _files
    return
  fi
  for line in $lines; do
    word=\${line%%$'\\t'*}
    [[ -n $word ]] || continue
    if [[ $line == *$'\\t'?* ]]; then
      described+=("\${word//:/\\\\:}:\${line#*$'\\t'}")
    else
      plain+=("$word")
    fi
  done
  (( $#described )) && _describe -t commands calicoctl described
  (( $#plain )) && compadd -a plain
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then
  _calicoctl "$@"
else
  compdef _calicoctl calicoctl
fi
`;

const fish = `# fish completion for calicoctl: calicoctl completion fish | source
function __calicoctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = :files
        __fish_complete_path "$current"
        return
    end
    printf '%s\\n' $lines
end
complete -c calicoctl -f -a '(__calicoctl_complete)'
`;

export const completionScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
