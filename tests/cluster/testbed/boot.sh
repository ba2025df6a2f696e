#!/bin/bash
# The first process of a test host, inside its own network, process, mount, name and IPC namespaces.
#
# It gives the host what must not be shared with others: /tmp, /run (with its root's home in it), /dev/shm and the list
# of users. All else is the file system of the machine. Then it serves SSH, if it has a key to let in, and reaps orphans.
#
# LAB_NAME     host name
# LAB_ADDRESS  address that sshd listens on
# LAB_FOLDER   where the host keeps its private folders on the machine
# LAB_HOSTS    file that every host sees as /etc/hosts
# LAB_KEEP     folders under /tmp that stay visible, separated by colons
# LAB_SHARED   folder that every host sees as /run/shared, as it would with NFS
# LAB_KEY      public key that may log in as root; empty: no sshd
set -euo pipefail

mount --make-rprivate /
mount -t proc proc /proc
hostname "$LAB_NAME"

own=$LAB_FOLDER
mkdir -p "$own"/{tmp,run/root/.ssh,run/sshd,run/shared,etc}
chmod 1777 "$own/tmp"
chmod 700 "$own/run/root" "$own/run/root/.ssh"

cat > "$own/etc/passwd" <<'USERS'
root:x:0:0:root:/run/root:/bin/bash
sshd:x:105:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
USERS
printf 'root:x:0:\nnogroup:x:65534:\n' > "$own/etc/group"
printf 'root:*:1::::::\n' > "$own/etc/shadow"   # No password opens it.
for file in passwd group shadow; do mount --bind "$own/etc/$file" "/etc/$file"; done
mount --bind "$LAB_HOSTS" /etc/hosts

IFS=: read -ra kept <<< "$LAB_KEEP"
for folder in "${kept[@]}"; do
    mkdir -p "$own$folder"
    mount --rbind "$folder" "$own$folder"
done
mount --bind "$LAB_SHARED" "$own/run/shared"
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount --rbind "$own/run" /run
mount --rbind "$own/tmp" /tmp   # Last: $own may lie in it.
touch /run/booted               # Who enters before that sees the machine's own folders.

if [[ -n $LAB_KEY ]]; then
    echo "$LAB_KEY" > /run/root/.ssh/authorized_keys
    [[ -f /run/host_key ]] || ssh-keygen -q -t ed25519 -N '' -f /run/host_key
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /usr/sbin/sshd -f /dev/null -E /run/sshd.log \
        -h /run/host_key -o ListenAddress="$LAB_ADDRESS" -o PidFile=none -o UsePAM=no -o UseDNS=no \
        -o PermitRootLogin=prohibit-password -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no \
        -o MaxStartups=100 -o MaxSessions=100
fi
while :; do
    sleep 1 &
    wait || true
done
