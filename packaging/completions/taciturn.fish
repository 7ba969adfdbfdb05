# Asks the program itself. In the form for zsh it tells what each word means: word:meaning.
function __taciturn_words
    set -lx SHELL zsh
    set -lx ZSH_NAME zsh
    taciturn --get-yargs-completions (commandline -opc) (commandline -ct) 2>/dev/null | string replace -r '(?<!\\\\):' \t
end

complete -c taciturn -a '(__taciturn_words)'
