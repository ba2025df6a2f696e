#!/usr/bin/env bash
# What clusters/gcp.yaml stands on, made once with gcloud: network, firewall, service accounts, bucket, shared folder.
# Prints the filled file. Run it again at any time; clusters/gcp.md tells the rest.
#
#   PROJECT=my-project BUCKET=my-bucket SSH_CIDR=203.0.113.7/32 clusters/gcp_setup.sh > my-gcp.yaml
set -euo pipefail

PROJECT=${PROJECT:?name your project}
BUCKET=${BUCKET:?name the bucket of the store}
SSH_CIDR=${SSH_CIDR:?say who may reach the head by SSH, such as your own address with /32 (curl https://checkip.amazonaws.com)}
REGION=${REGION:-us-central1}
ZONE=${ZONE:-$REGION-a}

if [[ ! $SSH_CIDR =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}/(1[6-9]|2[0-9]|3[0-2])$ ]]; then
  echo "SSH_CIDR: found $SSH_CIDR; give your own addresses, with a prefix of 16 to 32 bits, such as 203.0.113.7/32" >&2
  exit 2
fi

gcloud() { command gcloud --project "$PROJECT" --quiet "$@"; }
# Make what `describe` does not find.
once() { gcloud "$@" > /dev/null 2>&1 || return 1; }

once compute networks describe raydoa ||
  gcloud compute networks create raydoa --subnet-mode=custom >&2
once compute networks subnets describe raydoa --region "$REGION" ||
  gcloud compute networks subnets create raydoa --network=raydoa --region "$REGION" --range=10.128.0.0/20 \
    --enable-private-ip-google-access >&2
# A network of one's own has no rules: nothing gets in but what follows.
once compute firewall-rules describe raydoa-inside ||
  gcloud compute firewall-rules create raydoa-inside --network=raydoa --allow=all --source-tags=raydoa \
    --target-tags=raydoa >&2
once compute firewall-rules describe raydoa-ssh ||
  gcloud compute firewall-rules create raydoa-ssh --network=raydoa --allow=tcp:22 --source-ranges="$SSH_CIDR" \
    --target-tags=raydoa >&2
gcloud compute firewall-rules update raydoa-ssh --source-ranges="$SSH_CIDR" >&2

for account in raydoa-head raydoa-worker; do
  once iam service-accounts describe "$account@$PROJECT.iam.gserviceaccount.com" ||
    gcloud iam service-accounts create "$account" >&2
done
once storage buckets describe "gs://$BUCKET" ||
  gcloud storage buckets create "gs://$BUCKET" --location="$REGION" --uniform-bucket-level-access \
    --public-access-prevention >&2
for account in raydoa-head raydoa-worker; do
  gcloud storage buckets add-iam-policy-binding "gs://$BUCKET" --role=roles/storage.objectUser \
    --member="serviceAccount:$account@$PROJECT.iam.gserviceaccount.com" >&2
done
# The head starts and ends nodes, and hands them the workers' account and no other.
gcloud projects add-iam-policy-binding "$PROJECT" --role=roles/compute.instanceAdmin.v1 --condition=None \
  --member="serviceAccount:raydoa-head@$PROJECT.iam.gserviceaccount.com" >&2
gcloud iam service-accounts add-iam-policy-binding "raydoa-worker@$PROJECT.iam.gserviceaccount.com" \
  --role=roles/iam.serviceAccountUser --member="serviceAccount:raydoa-head@$PROJECT.iam.gserviceaccount.com" >&2

once filestore instances describe raydoa --location="$ZONE" ||
  gcloud filestore instances create raydoa --location="$ZONE" --tier=BASIC_HDD \
    --file-share=name=raydoa,capacity=1TB --network=name=raydoa >&2
share=$(gcloud filestore instances describe raydoa --location="$ZONE" --format='value(networks[0].ipAddresses[0])')
# Ubuntu 24.04 with NVIDIA's driver, the newest one.
image=$(command gcloud compute images list --project deeplearning-platform-release --no-standard-images \
  --filter='family~^common-cu.*-ubuntu-2404' --sort-by=~creationTimestamp --limit=1 --format='value(selfLink)')

sed -e "s|<PROJECT>|$PROJECT|g" -e "s|<SHARE>|$share|g" -e "s|<IMAGE>|$image|g" \
  -e "s|us-central1-a|$ZONE|g" -e "s|us-central1|$REGION|g" "$(dirname "$0")/gcp.yaml"
